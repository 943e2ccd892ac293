return told(read_intent(ARGV[3])) or false
