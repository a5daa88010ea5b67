// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace faasnap::guest {

// Takes apart a chunked body (RFC 9112, section 7.1) as its bytes come; keeps no more of it than a
// line and the trailers, which have at most kMaximumHead bytes. Extensions of chunks are ignored.
class ChunkedBody {
 public:
  // Takes data; returns false to get no more.
  using Sink = std::function<bool(std::string_view data)>;

  // Gives the data in `bytes` to `sink`, and ignores what comes after the body. Returns false if
  // the sink does. Throws ErrorKind::guest for what is not a chunked body, and for a chunk of more
  // than kMaximumBody.
  bool feed(std::string_view bytes, const Sink& sink);

  // True if the last chunk and the trailers have come.
  bool is_complete() const noexcept { return state_ == State::complete; }
  // By their names in lower case; of equal names the last.
  std::map<std::string, std::string>& trailers() noexcept { return trailers_; }

 private:
  enum class State { size, data, end_of_data, trailers, complete };

  bool take_line(std::string_view& bytes);
  void apply_line();
  void begin_chunk();

  State state_ = State::size;
  // What has come of a line, without its end.
  std::string line_;
  // Bytes of the present chunk that have not come.
  std::uint64_t left_ = 0;
  std::uint64_t trailer_bytes_ = 0;
  std::map<std::string, std::string> trailers_;
};

}  // namespace faasnap::guest
