#include <fcntl.h>
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
#include <string_view>
#include <system_error>
#include <thread>

#include <faasnap/object_store.h>
#include <faasnap/redis.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/thread.h"
#include "store/object_backend.h"
#include "store/resp_session.h"

namespace faasnap {
namespace {

// The thread has every signal blocked, SIGPIPE among them (ObjectFile::send).
std::thread start_thread(const char* name, std::function<void()> body) {
  try {
    return base::start_thread(name, std::move(body));
  } catch (const std::system_error& error) {
    base::fail_errno("start thread", {}, error.code().value());
  }
}

// As far as the socket's buffer goes: the caller must not wait.
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
  // The mode given to the socket before bind is what its file is created with.
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
  using MakeBackend = std::function<std::unique_ptr<store::ObjectBackend>()>;

  Impl(MakeBackend make_backend, LogSink log)
      : make_backend_(std::move(make_backend)), log_(std::move(log)) {}
  ~Impl();

  void serve(GuestStream stream);
  void listen(const std::filesystem::path& path);

 private:
  struct Connection {
    Connection(GuestStream s, std::unique_ptr<store::ObjectBackend> b)
        : stream(std::move(s)), store(std::move(b)) {}
    std::optional<GuestStream> stream;
    std::unique_ptr<store::ObjectBackend> store;
    bool ended = false;
    std::thread thread;
  };
  struct Listener {
    std::filesystem::path path;
    base::UniqueFd fd;
    std::thread thread;
  };

  // Values under way in all connections; with the parser's own buffer, memory is twice that.
  static constexpr Bytes kBudget = ObjectStore::kMaximumValue;

  void run(Connection& connection) noexcept;
  void accept_loop(int listener) noexcept;
  void join_ended();

  const MakeBackend make_backend_;
  const LogSink log_;
  store::ByteBudget budget_{kBudget};
  base::EventFd stop_;
  // Guards what follows, and the presence of each connection's stream.
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::list<Listener> listeners_;
};

ObjectStoreServer::Impl::~Impl() {
  stop_.signal();
  budget_.close();
  for (Listener& listener : listeners_) {
    listener.thread.join();
    ::unlink(listener.path.c_str());
  }
  {
    const std::lock_guard lock(mutex_);
    for (const Connection& connection : connections_) {
      if (connection.stream) {
        ::shutdown(connection.stream->descriptor(), SHUT_RDWR);
        connection.store->cancel();
      }
    }
  }
  for (Connection& connection : connections_) {
    connection.thread.join();
  }
}

void ObjectStoreServer::Impl::serve(GuestStream stream) {
  const std::lock_guard lock(mutex_);
  join_ended();
  if (connections_.size() >= kMaximumClients) {
    return refuse(stream, "max number of clients reached");
  }
  Connection& connection = connections_.emplace_back(std::move(stream), make_backend_());
  try {
    connection.thread = start_thread("store-client", [this, &connection] { run(connection); });
  } catch (const Error&) {
    refuse(*connection.stream, "the server is out of threads");
    connections_.pop_back();
  }
}

// A connection's last act is to end under the lock, so that this waits for no more than a return.
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
    store::RespSession(*connection.store, *connection.stream, budget_, log_).run();
  } catch (const std::exception&) {
    // A client that misbehaves or goes away loses its connection, and nothing else happens.
  }
  const std::lock_guard lock(mutex_);
  connection.stream.reset();
  connection.store.reset();
  connection.ended = true;
}

void ObjectStoreServer::Impl::listen(const std::filesystem::path& path) {
  base::UniqueFd fd = bind_socket(path);
  const std::lock_guard lock(mutex_);
  Listener& listener = listeners_.emplace_back();
  listener.path = path;
  listener.fd = std::move(fd);
  try {
    listener.thread =
        start_thread("store-listen", [this, &listener] { accept_loop(listener.fd.get()); });
  } catch (...) {
    listeners_.pop_back();
    ::unlink(path.c_str());
    throw;
  }
}

void ObjectStoreServer::Impl::accept_loop(int listener) noexcept {
  // How long to leave clients in the queue when a descriptor could not be had.
  static constexpr int kRetryMilliseconds = 50;
  pollfd entries[] = {{stop_.get(), POLLIN, 0}, {listener, POLLIN, 0}};
  for (;;) {
    base::retry_eintr([&] { return ::poll(entries, 2, -1); });
    if (entries[0].revents != 0) {
      return;
    }
    base::UniqueFd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) {
      ::poll(entries, 1, kRetryMilliseconds);
      continue;
    }
    serve(GuestStream(client.release()));
  }
}

ObjectStoreServer::ObjectStoreServer(ObjectStore store, LogSink log)
    : impl_(std::make_unique<Impl>(
          [store = std::move(store)] { return store::make_backend(store); }, std::move(log))) {}
ObjectStoreServer::ObjectStoreServer(RedisOptions redis, LogSink log)
    : impl_(std::make_unique<Impl>(
          [redis = std::move(redis)] { return store::make_backend(redis); }, std::move(log))) {}
ObjectStoreServer::~ObjectStoreServer() = default;

void ObjectStoreServer::serve(GuestStream stream) { impl_->serve(std::move(stream)); }

void ObjectStoreServer::listen(const std::filesystem::path& socket) { impl_->listen(socket); }

}  // namespace faasnap
