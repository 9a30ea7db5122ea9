module journey

go 1.22

require github.com/svix/svix-webhooks v1.99.1
