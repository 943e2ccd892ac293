local found = {}
local flat = call('ZRANGE', unmatched, 0, -1, 'WITHSCORES')
for index = 1, #flat, 2 do
  found[#found + 1] = { flat[index], flat[index + 1], call('HSTRLEN', bodies, flat[index]) }
end
return found
