// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>

#include "http/client_stream.h"

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

// A client's connection by TLS.
class TlsStream final : public ClientStream {
 public:
  // `patience` is for the handshake, too, which also ends when the descriptor `ending` becomes
  // readable.
  TlsStream(int socket, std::shared_ptr<const TlsIdentity> identity, std::chrono::seconds patience,
            int ending);
  ~TlsStream() override;

  // Returns false if the client does not speak TLS, or takes too long.
  bool accept();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t write(const char* bytes, std::size_t size) override;

 private:
  // Calls `step` until it has done something; returns what it did, or less than 1 if it fails or
  // takes too long.
  template <typename Step>
  int complete(Step step);
  ssize_t receive(char* bytes, std::size_t size) override;
  bool holds_data() const override;

  const std::shared_ptr<const TlsIdentity> identity_;
  const int ending_;
  const std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bool accepted_ = false;
  bool failed_ = false;
};

}  // namespace platform::http
