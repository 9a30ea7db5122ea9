require "base64"
require "openssl"

# `env` is that of Rack; `body` the body as it came.
def verify(env, body)
  raw = Base64.decode64(ENV.fetch("WEBHOOK_PUBLIC_KEY").delete_prefix("whpk_"))
  key = OpenSSL::PKey.read(["302a300506032b6570032100"].pack("H*") + raw)
  id, timestamp = env["{server_base}_ID"], env["{server_base}_TIMESTAMP"]
  return false if (Time.now.to_i - timestamp.to_i).abs > 300
  signed = "#«id».#«timestamp».".b + body.b
  env["{server_base}_SIGNATURE"].to_s.split.any? do |one|
    one.start_with?("v1a,") && key.verify(nil, Base64.decode64(one.delete_prefix("v1a,")), signed)
  end
end
