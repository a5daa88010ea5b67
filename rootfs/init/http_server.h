// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_HTTP_SERVER_H_
#define FAASNAP_INIT_HTTP_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "event_loop.h"
#include "fd.h"
#include "http_request.h"

namespace faasnap::init {

class HttpServer;

// What is answered to a request.
struct HttpReply {
  int status = 200;
  // The body is these three, one after the other: nothing is copied to add to a large one.
  std::string prefix;
  std::string body;
  std::string suffix;
  std::string content_type = "application/json";
  // Further header lines, each with its line end.
  std::string headers;
};

// A connection of a client. Its requests are given to the server's handler one at a time; the next
// one is read when the last one has been answered, whenever that is. It is destroyed soon after it
// has been closed, by either side: who keeps a pointer forgets it in when_gone.
class HttpConnection {
 public:
  HttpConnection(HttpServer& server, Fd socket);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Answers the present request.
  void reply(HttpReply answer);

  // Answers in pieces: a head (whose body and length are not looked at), any number of pieces, and
  // an end with further header lines, each with its line end, which an HTTP/1.0 client does not
  // get. Nor can it tell the end from a failure.
  void begin_stream(const HttpReply& head);
  void stream(std::string_view piece);
  void end_stream(const std::string& trailers);
  // The bytes that the client has not taken yet.
  std::size_t unsent() const noexcept { return unsent_; }
  // Calls `callback` once when the client has taken everything.
  void when_sent(EventLoop::Callback callback) { when_sent_ = std::move(callback); }

  // Stops and resumes reading a body that goes to a sink.
  void pause_reading();
  void resume_reading();

  // Calls `callback` if the client closes before it has been answered. A client that only closes
  // its sending half counts as gone.
  void when_gone(EventLoop::Callback callback) { when_gone_ = std::move(callback); }

  // Waits up to half a second until the client has taken the reply and closed.
  void finish();
  void close();

 private:
  enum class Phase { reading, answering, streaming, closing, closed };

  bool is_waiting() const noexcept {
    return phase_ == Phase::answering || phase_ == Phase::streaming;
  }
  void on_events(std::uint32_t events);
  void read_input();
  void parse_input();
  bool parse_some();
  void offer_head();
  void offer_request();
  void refuse();
  void answered();
  void send(std::string text);
  void flush();
  void sent_everything();
  void close_politely();
  void update_events();

  HttpServer& server_;
  Fd socket_;
  HttpRequestParser parser_;
  Phase phase_ = Phase::reading;
  bool parsing_ = false;
  bool reading_is_paused_ = false;
  bool peer_sends_no_more_ = false;
  // Bytes that came with a request and belong to the next one.
  std::string input_;
  std::deque<std::string> output_;
  std::size_t first_sent_ = 0;
  std::size_t unsent_ = 0;
  bool keep_alive_ = false;
  bool chunked_ = false;
  std::uint32_t events_ = 0;
  std::optional<EventLoop::Timer> parting_;
  EventLoop::Callback when_sent_;
  EventLoop::Callback when_gone_;
};

// Who answers the requests of a server.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // The head of a request has come. Returns where its body goes, piece by piece; null if it is to
  // be kept in HttpRequest::body.
  virtual HttpRequestParser::BodySink body_sink(HttpConnection& connection,
                                                const HttpRequest& request) {
    (void)connection, (void)request;
    return nullptr;
  }
  // A request is complete. It is the connection's, until it has been answered.
  virtual void on_request(HttpConnection& connection, HttpRequest& request) = 0;
  // Returns the answer to a request that the server refuses: `status` and `reason` say why. Of
  // `request` is there what was read.
  virtual HttpReply refuse(const HttpRequest& request, int status, const std::string& reason) = 0;
};

// Serves a listening socket.
class HttpServer {
 public:
  // The loop and the handler must outlive the server.
  HttpServer(EventLoop& loop, Fd listener, HttpHandler& handler, std::uint64_t largest_body);

 private:
  friend class HttpConnection;

  void accept_connections();

  EventLoop& loop_;
  Fd listener_;
  HttpHandler& handler_;
  const std::uint64_t largest_body_;
  std::size_t open_ = 0;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_HTTP_SERVER_H_
