// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/config.h"
#include "functions/function.h"

namespace platform {

// What an image says of itself, as far as invoking it needs it.
struct ImageFacts {
  // The name by which its agent knows its function; empty for an image of several functions.
  std::string name{};
  // The handler that runs if nobody names another.
  std::string handler{};
  std::string sha256{};
  std::uint64_t size = 0;
};

// Guest images: those in a directory that somebody else fills with `faasnap image make`, and those
// that are made here of zip archives, by running that command. Safe from any thread.
class Images {
 public:
  explicit Images(const Config& config);

  // Returns the directory of the image `uri`, a name, with a tag or a registry in front of it that
  // are ignored. Throws RequestError if there is no such image.
  std::filesystem::path find(const std::string& uri) const;
  // Returns where this host has, or would have, the image of a function that another host knows.
  std::filesystem::path place(const Function& function) const;
  // Makes the image of the function's archive if another host has made it, but this one not yet;
  // takes seconds. Throws RequestError if that fails, or there is no image of the function's name.
  void provide(const Function& function) const;
  // Throws RequestError unless this host has what an archive of the function's runtime needs, and
  // the function names a handler.
  void check(const Function& function) const;
  // Makes an image of the function's archive and returns its directory; takes seconds. Throws
  // RequestError with the command's own message.
  std::filesystem::path make(const Function& function, const std::stop_token& stop) const;
  // Removes the image that make() has made for the revision, if it has.
  void remove(const std::string& revision) const;
  // Removes those of all other revisions.
  void keep_only(const std::set<std::string>& revisions) const;

  static ImageFacts facts(const std::filesystem::path& image);

 private:
  std::filesystem::path base_of(const std::string& runtime) const;

  const Config& config_;
  const std::filesystem::path made_;
  mutable std::mutex providing_;
};

}  // namespace platform
