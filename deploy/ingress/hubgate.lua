-- HAProxy asks hubgate about each request (contract `forward`); haproxy.cfg loads this file.
local MANAGED = {"x-auth-user", "x-auth-email", "x-auth-name", "x-auth-org", "x-auth-role", "x-auth-orgs", "x-auth-groups", "x-auth-assertion",
  -- The client's own without hubgate's session and tokens.
  "cookie", "authorization", "x-hf-authorization"}
-- These are the question's own, or speak of one connection.
local OWN = {host = true, connection = true, ["content-length"] = true, ["transfer-encoding"] = true, ["keep-alive"] = true, te = true, trailer = true, upgrade = true, expect = true,
  ["proxy-connection"] = true, ["x-forwarded-method"] = true, ["x-forwarded-proto"] = true, ["x-forwarded-host"] = true, ["x-forwarded-uri"] = true, ["x-forwarded-for"] = true}

local function values(list)
  local all = {}
  for index = 0, #list do all[#all + 1] = list[index] end
  return all
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({status = status})
  for name, list in pairs(headers) do
    if not OWN[name] then for _, value in ipairs(values(list)) do reply:add_header(name, value) end end
  end
  if txn.sf:method() ~= "HEAD" then reply:set_body(body or "") end
  txn:done(reply)
end

core.register_action("hubgate", {"http-req"}, function(txn, address)
  local sent = txn.http:req_get_headers()
  local headers = {}
  for name, list in pairs(sent) do
    if not OWN[name:lower()] then headers[name] = values(list) end
  end
  -- A script's WebSocket is answered as a script.
  if sent["upgrade"] then headers["upgrade"] = values(sent["upgrade"]) end
  headers["x-forwarded-method"] = {txn.sf:method()}
  headers["x-forwarded-proto"] = {txn.f:ssl_fc() == 1 and "https" or "http"}
  headers["x-forwarded-host"] = {txn.sf:req_fhdr("host")}
  -- As the client has written it, byte for byte.
  headers["x-forwarded-uri"] = {txn.sf:pathq()}
  headers["x-forwarded-for"] = {txn.sf:src()}
  local answer = core.httpclient():get({url = address .. "/-/sso/authz/forward", headers = headers, timeout = 10000})
  if not answer or answer.status ~= 200 then
    -- A gate that does not answer is a no.
    local status = answer and answer.status >= 300 and answer.status or 503
    return refuse(txn, status, answer and answer.headers or {}, answer and answer.body)
  end
  for _, name in ipairs(MANAGED) do
    txn.http:req_del_header(name)
    local said = answer.headers[name] and answer.headers[name][0]
    if said and said ~= "" then txn.http:req_set_header(name, said) end
  end
end, 1)
