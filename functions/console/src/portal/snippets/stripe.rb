require "base64"
require "openssl"

# `env` is that of Rack; `body` the body as it came.
def verify(env, body)
  secret = ENV.fetch("WEBHOOK_SECRET")
  key = {key}
  parts = env["{server}"].to_s.split(",").map « |part| part.split("=", 2) »
  timestamp = parts.assoc("t")&.last.to_s
  return false if (Time.now.to_i - timestamp.to_i).abs > 300
  expected = OpenSSL::HMAC.hexdigest("SHA256", key, "#«timestamp».".b + body.b)
  parts.any? « |name, value| name == "v1" && OpenSSL.secure_compare(expected, value.to_s) »
end
