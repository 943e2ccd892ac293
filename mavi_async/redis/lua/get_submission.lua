return read_job(ARGV[3]) or false
