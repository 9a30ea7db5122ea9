require "base64"
require "openssl"

# `env` is that of Rack; `body` the body as it came.
def verify(env, body)
  secret = ENV.fetch("WEBHOOK_SECRET")
  key = {key}
  id, timestamp = env["{server_base}_ID"], env["{server_base}_TIMESTAMP"]
  return false if (Time.now.to_i - timestamp.to_i).abs > 300
  mac = OpenSSL::HMAC.digest("SHA256", key, "#«id».#«timestamp».".b + body.b)
  expected = "v1,#«Base64.strict_encode64(mac)»"
  env["{server_base}_SIGNATURE"].to_s.split.any? « |one| OpenSSL.secure_compare(expected, one) »
end
