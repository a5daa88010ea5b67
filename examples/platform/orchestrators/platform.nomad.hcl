# SPDX-License-Identifier: Apache-2.0
# faasnap-platform on each Nomad client that has KVM: docs/guide/hosts.md. To be changed: the image,
# the Redis server's address, and the directories that the clients have mounted; files in
# /etc/faasnap are the user's 900 alone.
job "faasnap-platform" {
  type = "system"

  constraint {
    attribute = "${meta.kvm}"
    value     = "true"
  }

  group "platform" {
    network {
      port "lambda" {
        static = 9000
      }
    }

    service {
      name = "faasnap-platform"
      port = "lambda"

      check {
        type     = "http"
        path     = "/healthz"
        interval = "2s"
        timeout  = "1s"
      }
    }

    task "platform" {
      driver = "docker"
      user   = "900:900"

      # A function's longest time, and a minute.
      kill_timeout = "960s"

      config {
        image        = "registry.example/faasnap-platform:1"
        args         = ["--config", "${NOMAD_TASK_DIR}/platform.toml"]
        network_mode = "host"
        cap_drop     = ["all"]

        devices = [
          { host_path = "/dev/kvm" }
        ]

        volumes = [
          "/var/lib/faasnap-platform:/var/lib/faasnap-platform",
          "/mnt/faasnap-shared:/shared",
          "/mnt/faasnap-images:/images:ro",
          "/etc/faasnap:/etc/faasnap:ro"
        ]
      }

      template {
        destination = "local/platform.toml"
        data        = <<-END
          host = "0.0.0.0"
          images = "/images"
          base_image = "/images/base"
          [limits]
          memory_mib = 8192
          [auth]
          keys = "/etc/faasnap/keys"
          [hosts]
          redis = "redis.service.consul:6379"
          directory = "/shared"
          password = "/etc/faasnap/redis-password"
        END
      }

      resources {
        cpu = 4000
        # Guest memory, `limits.memory_mib`, and what the platform and its workers take.
        memory = 10240
      }
    }
  }
}
