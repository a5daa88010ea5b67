// SPDX-License-Identifier: Apache-2.0

// A FaaS platform on the library's public headers (docs/guide/platform.md).

#include <fmt/format.h>
#include <sys/stat.h>

#include <faasnap/host.h>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "artifact/listener.h"
#include "auth/gate.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "http/server.h"
#include "http/supervision.h"
#include "lambda/access.h"
#include "lambda/api.h"
#include "lambda/reply.h"
#include "options.h"
#include "platform.h"
#include "ui/page.h"

namespace platform {
namespace {

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Returns why no VM can run at speed here; an empty text if VMs can. A host that is busy can look
// too slow once, so that the check is repeated.
std::string lack_of_kvm() {
  constexpr int kChecks = 3;
  std::string reason;
  for (int i = 0; i < kChecks; ++i) {
    const auto checks = faasnap::inspect_kvm().checks;
    const auto failed =
        std::ranges::find_if(checks, [](const faasnap::HostCheck& check) { return !check.ok; });
    if (failed == checks.end()) {
      return {};
    }
    reason = fmt::format("{}: {}; {}", failed->name, failed->detail, failed->remedy);
  }
  return reason;
}

// Blocks the signals that end the platform, and SIGHUP, in every thread, and waits for one of them.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::sigaddset(&signals_, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  int wait() const {
    int signal = 0;
    ::sigwait(&signals_, &signal);
    return signal;
  }

 private:
  sigset_t signals_{};
};

// The page, its data and the metrics name functions, so that they are for those who may use them.
// Lambda's routes look at requests themselves, with their bodies.
void guard_pages(http::Server& server, const auth::Gate& gate) {
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    using enum httplib::Server::HandlerResponse;
    if (request.path != "/metrics" && request.path != "/ui" && request.path != "/ui/data") {
      return Unhandled;
    }
    try {
      lambda::check_access(gate, request);
      return Unhandled;
    } catch (const auth::Denied& denied) {
      lambda::reply_error(response, 403, denied.type(), denied.what());
      return Handled;
    }
  });
}

void serve_page_and_metrics(http::Server& server, Platform& platform) {
  server.Get("/metrics", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(platform.metrics(), kMetricsType);
  });
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("{\"status\": \"ok\"}\n", "application/json");
  });
  server.Get("/ui", [](const httplib::Request&, httplib::Response& response) {
    response.set_header("Content-Security-Policy",
                        "default-src 'none'; style-src 'unsafe-inline'; script-src "
                        "'unsafe-inline'; connect-src 'self'");
    response.set_content(ui::kPage, "text/html; charset=utf-8");
  });
  server.Get("/ui/data", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(
        platform.overview().dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace),
        "application/json");
  });
}

// Has the server speak TLS if the settings say so.
void use_tls(http::Server& server, const TlsPolicy& tls) {
  if (!tls.certificate.empty()) {
    server.use(std::make_shared<const http::TlsIdentity>(tls.certificate, tls.key));
    log(LogLevel::info, fmt::format("has read {} and its key", tls.certificate.string()));
  }
}

// Waits for the end. At SIGHUP the certificate is read anew; one that is wrong is not used.
void wait_for_end(const Signals& signals, http::Server& server, const TlsPolicy& tls) {
  while (signals.wait() == SIGHUP) {
    try {
      use_tls(server, tls);
    } catch (const std::exception& error) {
      log(LogLevel::error, fmt::format("keeps the certificate that it has: {}", error.what()));
    }
  }
}

int run(const Options& options) {
  // Whatever mask the caller has: the state is the service's own.
  ::umask(077);
  // Before any thread.
  const Signals signals;
  const Config config = load_config(options.config);
  const std::string unusable = lack_of_kvm();
  if (!unusable.empty() && !options.without_kvm) {
    throw std::runtime_error("no VM can run on this host (`faasnap doctor` says more): " +
                             unusable);
  }
  const auth::Gate gate(config.access.keys, config.access.tokens);
  Platform platform(config, unusable);
  lambda::Api lambda(config, gate, platform.registry(), platform.invoker(), platform.events());
  std::optional<artifact::Listener> artifact;
  if (!config.artifact.listen.empty()) {
    artifact.emplace(config, platform.images(), platform.machines(), platform.invoker());
  }
  http::Server server;
  use_tls(server, config.tls);
  guard_pages(server, gate);
  serve_page_and_metrics(server, platform);
  lambda.serve(server);
  if (const auto socket = http::activation_socket()) {
    server.adopt(*socket);
    log(LogLevel::info, "listens on the socket of systemd");
  } else {
    const int port = server.bind(config.host, config.port);
    log(LogLevel::info, fmt::format("listens on {} port {}", config.host, port));
  }
  if (!unusable.empty()) {
    log(LogLevel::warning, "no VM can run on this host: " + unusable);
  }
  if (artifact) {
    artifact->start();
  }
  std::thread serving = server.start();
  {
    const http::Supervision supervision([&] { return server.is_running(); });
    wait_for_end(signals, server, config.tls);
    log(LogLevel::info, "ends after the requests under way");
  }
  // What waits is turned away, what runs goes on to its end.
  platform.invoker().close();
  artifact.reset();
  server.end();
  serving.join();
  return 0;
}

}  // namespace
}  // namespace platform

int main(int argc, char** argv) {
  try {
    const auto options = platform::parse_options(argc, argv);
    return options ? platform::run(*options) : 0;
  } catch (const platform::UsageError& error) {
    std::fprintf(stderr, "faasnap-platform: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "faasnap-platform: %s\n", error.what());
    return 1;
  }
}
