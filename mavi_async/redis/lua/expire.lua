return prune(tonumber(ARGV[3]))
