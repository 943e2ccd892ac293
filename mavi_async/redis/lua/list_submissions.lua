local standing = { pending = pending, done = done, uncollected = uncollected }
local found = {}
for _, task_id in ipairs(call('ZRANGE', standing[ARGV[3]], 0, -1)) do
  found[#found + 1] = read_job(task_id)
end
return found
