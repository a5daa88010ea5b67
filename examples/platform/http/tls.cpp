// SPDX-License-Identifier: Apache-2.0

#include "http/tls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <climits>
#include <new>
#include <stdexcept>

#include "state/files.h"

namespace platform::http {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* key, const fs::path& file, const char* expected) {
  const unsigned long error = ::ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ::ERR_reason_error_string(error);
  ::ERR_clear_error();
  throw std::runtime_error(fmt::format("tls.{}: {}: expected {}{}{}", key, file.string(), expected,
                                       reason == nullptr ? "" : ", ",
                                       reason == nullptr ? "" : reason));
}

// Nobody is there to be asked for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> read_key(const fs::path& file) {
  const std::string text = read_secret(file);
  const std::unique_ptr<BIO, decltype(&::BIO_free)> source(
      ::BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX))),
      &::BIO_free);
  if (source == nullptr) {
    throw std::bad_alloc();
  }
  return {::PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr),
          &::EVP_PKEY_free};
}

void set_non_blocking(int socket) {
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
}

}  // namespace

TlsIdentity::TlsIdentity(const fs::path& certificate, const fs::path& key)
    : context_(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free) {
  if (context_ == nullptr) {
    throw std::bad_alloc();
  }
  ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                         SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_options(context_.get(), SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  if (::SSL_CTX_use_certificate_chain_file(context_.get(), certificate.c_str()) != 1) {
    fail("certificate", certificate, "certificates in PEM");
  }
  const auto private_key = read_key(key);
  if (private_key == nullptr) {
    fail("key", key, "a private key in PEM without a passphrase");
  }
  if (::SSL_CTX_use_PrivateKey(context_.get(), private_key.get()) != 1) {
    fail("key", key, "the key of the certificate");
  }
}

TlsStream::TlsStream(int socket, std::shared_ptr<const TlsIdentity> identity,
                     std::chrono::seconds patience, int ending)
    : ClientStream(socket, patience),
      identity_(std::move(identity)),
      ending_(ending),
      ssl_(::SSL_new(identity_->context()), &::SSL_free) {
  set_non_blocking(socket);
  failed_ = ssl_ == nullptr || ::SSL_set_fd(ssl_.get(), socket) != 1;
}

TlsStream::~TlsStream() {
  if (accepted_ && !failed_) {
    ::SSL_shutdown(ssl_.get());
  }
  ::ERR_clear_error();
}

template <typename Step>
int TlsStream::complete(Step step) {
  const auto end = Clock::now() + patience();
  while (!failed_) {
    ::ERR_clear_error();
    const int done = step();
    if (done > 0) {
      return done;
    }
    const int error = ::SSL_get_error(ssl_.get(), done);
    if (error == SSL_ERROR_ZERO_RETURN) {
      return 0;
    }
    const bool reads = error == SSL_ERROR_WANT_READ;
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    failed_ = (!reads && error != SSL_ERROR_WANT_WRITE) || rest.count() <= 0 ||
              !wait_for(reads ? POLLIN : POLLOUT, rest, accepted_ ? -1 : ending_);
  }
  return -1;
}

bool TlsStream::accept() {
  accepted_ = complete([this] { return ::SSL_accept(ssl_.get()); }) > 0;
  return accepted_;
}

bool TlsStream::holds_data() const {
  return ClientStream::holds_data() || ::SSL_pending(ssl_.get()) > 0;
}

// A read or a write waits by itself: whether there is a record says the socket only in part.
bool TlsStream::is_readable() const { return !failed_; }

bool TlsStream::is_writable() const { return !failed_; }

ssize_t TlsStream::receive(char* bytes, std::size_t size) {
  const int most = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  return complete([&] { return ::SSL_read(ssl_.get(), bytes, most); });
}

ssize_t TlsStream::write(const char* bytes, std::size_t size) {
  const int most = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  return complete([&] { return ::SSL_write(ssl_.get(), bytes, most); });
}

}  // namespace platform::http
