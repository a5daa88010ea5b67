// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/config.h"
#include "functions/aliases.h"
#include "functions/function.h"
#include "functions/image_queue.h"
#include "functions/images.h"
#include "hosts/store.h"
#include "state/function_file.h"

namespace platform {

// The code of a function: an image's name, or the bytes of a zip archive.
struct Code {
  std::optional<std::string> image_uri{};
  std::optional<std::string> zip{};
};

// What may be set of a function; nothing leaves it as it is.
struct Settings {
  std::optional<std::string> description{};
  std::optional<std::string> handler{};
  std::optional<std::string> runtime{};
  std::optional<std::string> role{};
  std::optional<std::map<std::string, std::string>> environment{};
  std::optional<std::uint64_t> memory_mib{};
  std::optional<std::chrono::seconds> timeout{};
};

// The functions that there are. Every change is on disk before the call returns, as a whole. Throws
// RequestError. Safe from any thread; changes wait for each other.
//
// With a store that hosts share (hosts/store.h), a change is there first, and is refused with
// Refusal::store_lost while it cannot be reached. What is on this host's disk is then a copy, by
// which it serves meanwhile.
class Registry {
 public:
  // Whom it calls, perhaps on several threads.
  struct Listener {
    // Each revision that no version has any more.
    std::function<void(const std::string& revision)> retired;
    // A function that needs an image of its archive; made() says what became of it.
    std::function<void(const Function& function)> make;
  };

  // Reads what is there. `store` is null for a host on its own.
  Registry(const Config& config, const Images& images, hosts::Store* store, Listener listener);

  // Takes over what other hosts have changed: whatever one of them had answered before this call is
  // known after it. Does nothing while the store cannot be reached. Each request begins with it.
  void refresh();
  // A change that this host could not settle, or that a host which is gone has left half done, is
  // gone on with. To be called now and then.
  void resume();

  // These return when the image is made, or else, after ArchivePolicy::patience, with a function
  // whose creation or update is under way. An image that fails before is an error, and of its
  // function's creation nothing is left; one that fails later is told by the function.
  // Until then the function can neither be changed nor published, but deleted.
  //
  // `publish` publishes a version of it as well, and returns that.
  Function create(const std::string& name, const Code& code, const Settings& settings,
                  bool publish);
  Function update_code(const std::string& name, const Code& code, bool publish);
  Function update_settings(const std::string& name, const Settings& settings);
  // Nothing gives the function the host's limit again.
  void set_concurrency(const std::string& name, std::optional<unsigned> concurrency);
  Function publish(const std::string& name, const std::optional<std::string>& description);
  // Removes a published version, or the function with all versions if `version` is nothing.
  void remove(const std::string& name, const std::optional<std::string>& version);

  Alias create_alias(const std::string& name, const std::string& alias,
                     const AliasSettings& settings);
  Alias update_alias(const std::string& name, const std::string& alias,
                     const AliasSettings& settings);
  // Does nothing if the function has no such alias.
  void remove_alias(const std::string& name, const std::string& alias);
  Alias alias(const std::string& name, const std::string& alias) const;
  // In the order of their names.
  std::vector<Alias> aliases(const std::string& name) const;

  // `qualifier` is a version or an alias; of an alias with weights it is the version without one.
  Function find(const std::string& name, const std::string& qualifier) const;
  // The same for an invocation: an alias with weights draws.
  Function find_to_invoke(const std::string& name, const std::string& qualifier) const;
  // In the order of their names: the latest versions, or all of them.
  std::vector<Function> list(bool all_versions) const;
  // The latest version and the published ones.
  std::vector<Function> versions(const std::string& name) const;
  // Those that a version has, or will have.
  std::set<std::string> revisions() const;

  // Those that wait for an image since before this object was made.
  std::vector<Function> unmade() const;
  // Whoever was asked to make an image tells that it is made, or cannot be.
  void made(const Function& function, const MadeImage& image);

 private:
  std::filesystem::path directory(const std::string& name) const;
  FunctionVersions at(const std::string& name) const;
  static Function version(const FunctionVersions& versions, const std::string& version);
  void save(const std::string& name, FunctionVersions versions);
  void settle(const Function& function, const MadeImage& image);
  // Follows the store, without which there are no changes. Throws StoreLost.
  void require_store();
  // Gives the store the functions that it does not know, or not as of this host's change.
  void give_to_store();
  void take_over(const hosts::Store::Record& record, bool anew);
  void keep(const std::string& name, const FunctionVersions& versions);
  void forget(const std::string& name);
  void remove_archives(const std::string& name, const FunctionVersions& versions) const;
  void take_code(Function& function, const Code& code) const;
  void renew(Function& function) const;
  Function await(const std::string& name, const Function& function);
  void retire_unused(const std::set<std::string>& before);

  const Config& config_;
  const Images& images_;
  hosts::Store* const store_;
  const Listener listener_;
  // Held by a change, which may run for seconds.
  std::mutex changing_;
  // Held while this host's copy follows the store's; taken after changing_, before mutex_.
  std::mutex following_;
  // Which store, and as of which change this host has taken it over.
  std::string known_store_;
  std::uint64_t known_change_ = 0;
  // Protects the map and `unsettled_` alone.
  mutable std::mutex mutex_;
  std::map<std::string, FunctionVersions> functions_;
  // Functions whose image is made, which the store could not be told.
  std::vector<Function> unsettled_;
  // Revisions that resume() has gone on with; of its one caller.
  std::set<std::string> resumed_;
  // An image was made, or not.
  std::condition_variable finished_;
};

// Throws RequestError unless the function can be invoked.
void refuse_unless_active(const Function& function);

}  // namespace platform
