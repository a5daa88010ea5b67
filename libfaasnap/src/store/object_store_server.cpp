// SPDX-License-Identifier: Apache-2.0

#include <faasnap/object_store_server.h>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/files/fd.h"
#include "base/threads/thread.h"
#include "store/account.h"
#include "store/resp_session.h"

namespace faasnap {
namespace {

// Tells the client as much as the socket's buffer takes: the caller must not wait.
void refuse(const GuestStream& stream, std::string_view reason) {
  const std::string line = fmt::format("-ERR {}\r\n", reason);
  ::send(stream.descriptor(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

base::UniqueFd bind_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.empty() || name.size() >= sizeof(address.sun_path)) {
    base::fail(ErrorKind::invalid_argument, "listen", path,
               fmt::format("path of {} bytes, expected 1 to {}", name.size(),
                           sizeof(address.sun_path) - 1));
  }
  name.copy(address.sun_path, name.size());
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The file that bind creates has the socket's mode.
  if (!fd || ::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) {
    base::fail_errno("create socket", path);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    base::fail_errno("listen", path, errno == EADDRINUSE ? EEXIST : errno);
  }
  if (::listen(fd.get(), static_cast<int>(ObjectStoreServer::kMaximumClients)) != 0) {
    const int error_number = errno;
    ::unlink(path.c_str());
    base::fail_errno("listen", path, error_number);
  }
  return fd;
}

}  // namespace

class ObjectStoreServer::Impl {
 public:
  Impl(std::shared_ptr<ObjectStore> store, LogSink log)
      : store_(std::move(store)), log_(std::move(log)) {}
  ~Impl();

  void serve(GuestStream stream, std::shared_ptr<store::Account> account);
  void listen(const std::filesystem::path& path, std::shared_ptr<store::Account> account);

 private:
  struct Connection {
    std::optional<GuestStream> stream;
    std::shared_ptr<store::Account> account;
    bool ended = false;
    std::thread thread;
  };
  struct Listener {
    std::filesystem::path path;
    std::shared_ptr<store::Account> account;
    base::UniqueFd fd;
    std::thread thread;
  };

  void run(Connection& connection) noexcept;
  void accept_loop(const Listener& listener) noexcept;
  void join_ended();

  const std::shared_ptr<ObjectStore> store_;
  const LogSink log_;
  // Stops listeners, and calls of the store.
  base::EventFd stop_listening_;
  std::stop_source stop_calls_;
  // Guards what follows, and the presence of each connection's stream.
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::list<Listener> listeners_;
};

ObjectStoreServer::Impl::~Impl() {
  stop_listening_.signal();
  for (Listener& listener : listeners_) {
    listener.thread.join();
    ::unlink(listener.path.c_str());
  }
  {
    const std::lock_guard lock(mutex_);
    for (const Connection& connection : connections_) {
      if (connection.stream) {
        ::shutdown(connection.stream->descriptor(), SHUT_RDWR);
      }
    }
  }
  stop_calls_.request_stop();
  for (Connection& connection : connections_) {
    connection.thread.join();
  }
}

void ObjectStoreServer::Impl::serve(GuestStream stream, std::shared_ptr<store::Account> account) {
  const std::lock_guard lock(mutex_);
  join_ended();
  if (connections_.size() >= kMaximumClients || !account->open_connection()) {
    return refuse(stream, "max number of clients reached");
  }
  Connection& connection = connections_.emplace_back();
  connection.stream = std::move(stream);
  connection.account = std::move(account);
  try {
    connection.thread =
        base::start_thread("store-client", [this, &connection] { run(connection); });
  } catch (const Error&) {
    refuse(*connection.stream, "the server is out of threads");
    connection.account->close_connection();
    connections_.pop_back();
  }
}

// A connection's thread sets `ended` last, so joining it does not wait.
void ObjectStoreServer::Impl::join_ended() {
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    if (connection->ended) {
      connection->thread.join();
      connection = connections_.erase(connection);
    } else {
      ++connection;
    }
  }
}

void ObjectStoreServer::Impl::run(Connection& connection) noexcept {
  try {
    store::RespSession(*store_, *connection.account, *connection.stream, log_,
                       stop_calls_.get_token())
        .run();
  } catch (...) {
    // A client that misbehaves or goes away loses its connection; others are not affected.
  }
  const std::lock_guard lock(mutex_);
  connection.stream.reset();
  connection.account->close_connection();
  connection.ended = true;
}

void ObjectStoreServer::Impl::listen(const std::filesystem::path& path,
                                     std::shared_ptr<store::Account> account) {
  base::UniqueFd fd = bind_socket(path);
  const std::lock_guard lock(mutex_);
  Listener& listener = listeners_.emplace_back();
  listener.path = path;
  listener.account = std::move(account);
  listener.fd = std::move(fd);
  try {
    listener.thread =
        base::start_thread("store-listen", [this, &listener] { accept_loop(listener); });
  } catch (...) {
    listeners_.pop_back();
    ::unlink(path.c_str());
    throw;
  }
}

void ObjectStoreServer::Impl::accept_loop(const Listener& listener) noexcept {
  // Pause before the next accept after one failed for lack of descriptors.
  static constexpr int kRetryMilliseconds = 50;
  pollfd entries[] = {{stop_listening_.get(), POLLIN, 0}, {listener.fd.get(), POLLIN, 0}};
  for (;;) {
    base::retry_eintr([&] { return ::poll(entries, 2, -1); });
    if (entries[0].revents != 0) {
      return;
    }
    base::UniqueFd client(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) {
      ::poll(entries, 1, kRetryMilliseconds);
      continue;
    }
    serve(GuestStream(client.release()), listener.account);
  }
}

ObjectStoreServer::ObjectStoreServer(std::shared_ptr<ObjectStore> store, LogSink log)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(log))) {}
ObjectStoreServer::~ObjectStoreServer() = default;

void ObjectStoreServer::serve(GuestStream stream, const StoreAccount& account) {
  impl_->serve(std::move(stream), account.account_);
}

void ObjectStoreServer::listen(const std::filesystem::path& socket, const StoreAccount& account) {
  impl_->listen(socket, account.account_);
}

}  // namespace faasnap
