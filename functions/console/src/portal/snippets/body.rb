require "base64"
require "openssl"

# `env` is that of Rack; `body` the body as it came.
def verify(env, body)
  secret = ENV.fetch("WEBHOOK_SECRET")
  key = {key}
  mac = OpenSSL::HMAC.digest("SHA256", key, body)
  OpenSSL.secure_compare("{prefix}" + {encoded}, env["{server}"].to_s)
end
