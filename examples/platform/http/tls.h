// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>

struct ssl_ctx_st;
struct ssl_st;

namespace platform::http {

// A server's certificate and key, for TLS 1.2 and later. May be used by any number of threads.
class TlsIdentity {
 public:
  // Files in PEM: the certificate, followed by those up to its authority, and the key, which must
  // be its owner's alone and have no passphrase. Throws std::runtime_error that names the file.
  TlsIdentity(const std::filesystem::path& certificate, const std::filesystem::path& key);

  ssl_ctx_st* context() const noexcept { return context_.get(); }

 private:
  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
};

// A client's connection by TLS as cpp-httplib reads and writes it. Owns the socket; each may be
// used by one thread at a time.
class TlsStream final : public httplib::Stream {
 public:
  // `patience` is for the handshake, and for each read and write. The handshake also ends when the
  // descriptor `ending` becomes readable.
  TlsStream(int socket, std::shared_ptr<const TlsIdentity> identity, std::chrono::seconds patience,
            int ending);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Returns false if the client does not speak TLS, or takes too long.
  bool accept();

  // As SocketStream's.
  bool wait(std::chrono::seconds patience, int ending) const;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  // Calls `step` until it has done something; returns what it did, or less than 1 if it fails or
  // takes too long.
  template <typename Step>
  int complete(Step step);

  const int socket_;
  const std::shared_ptr<const TlsIdentity> identity_;
  const std::chrono::seconds patience_;
  const int ending_;
  const std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bool accepted_ = false;
  bool failed_ = false;
  // The library reads byte by byte.
  std::array<char, 16 << 10> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace platform::http
