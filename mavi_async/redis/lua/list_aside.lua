local found = {}
local flat = call('ZRANGE', aside_ages, 0, -1, 'WITHSCORES')
for index = 1, #flat, 2 do
  found[#found + 1] = {
    string.match(flat[index], '^(.*):'),
    call('HGET', asides, flat[index]),
    flat[index + 1],
  }
end
return found
