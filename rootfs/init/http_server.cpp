// SPDX-License-Identifier: Apache-2.0

#include "http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kReadBytes = 16 << 10;
// A body up to this size is sent in one piece with its head.
constexpr std::size_t kSmallBody = 16 << 10;
// How long a client may take to read why it was refused.
constexpr std::int64_t kPartingNanoseconds = 2'000'000'000;
constexpr int kFinishMilliseconds = 500;

std::string reply_head(const HttpReply& answer, bool keep_alive, const std::string& length) {
  return format("HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%sConnection: %s\r\n%s\r\n", answer.status,
                reason_phrase(answer.status), answer.content_type.c_str(), length.c_str(),
                keep_alive ? "keep-alive" : "close", answer.headers.c_str());
}

}  // namespace

HttpConnection::HttpConnection(HttpServer& server, Fd socket)
    : server_(server), socket_(std::move(socket)), parser_(server.largest_body_) {
  const int on = 1;
  // Fails on sockets that are not TCP, which have nothing to switch off.
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ++server_.open_;
  events_ = EPOLLIN;
  server_.loop_.watch(socket_.get(), events_, [this](std::uint32_t events) { on_events(events); });
}

void HttpConnection::reply(HttpReply answer) {
  if (phase_ != Phase::answering && phase_ != Phase::reading) {
    return;
  }
  const std::size_t length = answer.prefix.size() + answer.body.size() + answer.suffix.size();
  std::string head = reply_head(answer, keep_alive_, format("Content-Length: %zu\r\n", length));
  head += answer.prefix;
  if (length <= kSmallBody) {
    send(head + answer.body + answer.suffix);
  } else {
    send(std::move(head));
    send(std::move(answer.body));
    send(std::move(answer.suffix));
  }
  answered();
}

void HttpConnection::begin_stream(const HttpReply& head) {
  if (phase_ != Phase::answering) {
    return;
  }
  phase_ = Phase::streaming;
  keep_alive_ = keep_alive_ && chunked_;
  send(reply_head(head, keep_alive_, chunked_ ? "Transfer-Encoding: chunked\r\n" : ""));
  flush();
}

void HttpConnection::stream(std::string_view piece) {
  if (phase_ != Phase::streaming || piece.empty()) {
    return;
  }
  std::string text = chunked_ ? format("%zx\r\n", piece.size()) : std::string();
  text += piece;
  text += chunked_ ? "\r\n" : "";
  send(std::move(text));
  flush();
}

void HttpConnection::end_stream(const std::string& trailers) {
  if (phase_ != Phase::streaming) {
    return;
  }
  if (chunked_) {
    send("0\r\n" + trailers + "\r\n");
  }
  when_sent_ = nullptr;
  answered();
}

void HttpConnection::pause_reading() {
  reading_is_paused_ = true;
  update_events();
}

void HttpConnection::resume_reading() {
  reading_is_paused_ = false;
  update_events();
}

void HttpConnection::finish() {
  if (phase_ == Phase::closed) {
    return;
  }
  ::shutdown(socket_.get(), SHUT_WR);
  pollfd peer{socket_.get(), POLLRDHUP, 0};
  (void)::poll(&peer, 1, kFinishMilliseconds);
}

void HttpConnection::close() {
  if (phase_ == Phase::closed) {
    return;
  }
  phase_ = Phase::closed;
  if (parting_) {
    server_.loop_.cancel(*parting_);
  }
  server_.loop_.unwatch(socket_.get());
  socket_.reset();
  --server_.open_;
  when_sent_ = nullptr;
  const auto gone = std::exchange(when_gone_, nullptr);
  server_.loop_.later([this] { delete this; });
  if (gone) {
    gone();
  }
}

void HttpConnection::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
    close();
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    flush();
  }
  if (is_waiting() && (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
    close();
  } else if ((events & EPOLLIN) != 0 && phase_ != Phase::closed && !is_waiting()) {
    read_input();
  }
}

void HttpConnection::read_input() {
  const std::size_t before = input_.size();
  input_.resize(before + kReadBytes);
  const ssize_t got = ::recv(socket_.get(), input_.data() + before, kReadBytes, MSG_DONTWAIT);
  input_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      close();
    }
    return;
  }
  peer_sends_no_more_ = got == 0;
  if (phase_ == Phase::closing) {
    input_.clear();
    if (peer_sends_no_more_) {
      close();
    }
    return;
  }
  if (peer_sends_no_more_) {
    parser_.feed_end();
  }
  parse_input();
}

void HttpConnection::parse_input() {
  if (parsing_) {
    return;
  }
  parsing_ = true;
  while (phase_ == Phase::reading && parse_some()) {
  }
  parsing_ = false;
  if (phase_ == Phase::reading && peer_sends_no_more_) {
    close();
  }
}

// Returns false if more input is needed.
bool HttpConnection::parse_some() {
  switch (parser_.state()) {
    case HttpRequestParser::State::complete:
      offer_request();
      return true;
    case HttpRequestParser::State::failed:
      refuse();
      return true;
    case HttpRequestParser::State::head:
    case HttpRequestParser::State::incomplete:
      break;
  }
  if (input_.empty()) {
    return false;
  }
  input_.erase(0, parser_.feed(input_));
  if (parser_.state() == HttpRequestParser::State::head) {
    offer_head();
  }
  return true;
}

void HttpConnection::offer_head() {
  const HttpRequest& request = parser_.request();
  if (lower_case(request.header("expect")) == "100-continue") {
    send("HTTP/1.1 100 Continue\r\n\r\n");
    flush();
  }
  if (auto sink = server_.handler_.body_sink(*this, request)) {
    parser_.send_body_to(std::move(sink));
  }
}

void HttpConnection::offer_request() {
  phase_ = Phase::answering;
  keep_alive_ = parser_.request().keep_alive;
  chunked_ = parser_.request().may_be_chunked;
  update_events();
  server_.handler_.on_request(*this, parser_.request());
}

void HttpConnection::refuse() {
  keep_alive_ = false;
  reply(server_.handler_.refuse(parser_.request(), parser_.error_status(), parser_.error()));
}

void HttpConnection::answered() {
  when_gone_ = nullptr;
  phase_ = keep_alive_ ? Phase::reading : Phase::closing;
  if (keep_alive_) {
    parser_.next();
  }
  flush();
  if (phase_ == Phase::reading) {
    update_events();
    parse_input();
  }
}

void HttpConnection::send(std::string text) {
  if (!text.empty() && phase_ != Phase::closed) {
    unsent_ += text.size();
    output_.push_back(std::move(text));
  }
}

void HttpConnection::flush() {
  while (!output_.empty() && phase_ != Phase::closed) {
    const std::string_view rest = std::string_view(output_.front()).substr(first_sent_);
    const ssize_t put =
        ::send(socket_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno != EAGAIN) {
        close();
        return;
      }
      update_events();
      return;
    }
    unsent_ -= static_cast<std::size_t>(put);
    first_sent_ += static_cast<std::size_t>(put);
    if (first_sent_ == output_.front().size()) {
      output_.pop_front();
      first_sent_ = 0;
    }
  }
  sent_everything();
}

void HttpConnection::sent_everything() {
  if (phase_ == Phase::closed) {
    return;
  }
  update_events();
  if (const auto callback = std::exchange(when_sent_, nullptr)) {
    callback();
  }
  if (phase_ == Phase::closing) {
    close_politely();
  }
}

// To close a socket with unread input would take the reply back from a client that has not read it
// yet: what the client still sends is read and thrown away, for a while.
void HttpConnection::close_politely() {
  if (peer_sends_no_more_) {
    close();
  } else if (!parting_) {
    ::shutdown(socket_.get(), SHUT_WR);
    parting_ = server_.loop_.at(monotonic_now() + kPartingNanoseconds, [this] {
      parting_.reset();
      close();
    });
  }
}

void HttpConnection::update_events() {
  if (phase_ == Phase::closed) {
    return;
  }
  std::uint32_t events = 0;
  if (!output_.empty()) {
    events |= EPOLLOUT;
  }
  if (phase_ == Phase::closing || (phase_ == Phase::reading && !reading_is_paused_)) {
    events |= EPOLLIN;
  }
  if (is_waiting()) {
    events |= EPOLLRDHUP;
  }
  if (events != events_) {
    events_ = events;
    server_.loop_.change(socket_.get(), events);
  }
}

HttpServer::HttpServer(EventLoop& loop, Fd listener, HttpHandler& handler,
                       std::uint64_t largest_body)
    : loop_(loop), listener_(std::move(listener)), handler_(handler), largest_body_(largest_body) {
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_connections(); });
}

void HttpServer::accept_connections() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.is_open()) {
    // The connection may have been reset already: no reason to stop.
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      say("accept: errno %d", errno);
    }
    return;
  }
  // It deletes itself after it is closed.
  auto* connection = new HttpConnection(*this, std::move(socket));
  if (open_ > kMostConnections) {
    connection->reply(
        handler_.refuse({}, 503, format("more than %zu connections", kMostConnections)));
  }
}

}  // namespace faasnap::init
