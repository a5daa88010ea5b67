// SPDX-License-Identifier: Apache-2.0

#include "functions/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random_id.h"
#include "state/files.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 64;
// Lambda's limit of what is uploaded with a request.
constexpr std::size_t kMostArchive = 50 << 20;

void check_name(const std::string& name) {
  const bool fine =
      !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
      });
  if (!fine) {
    throw RequestError(
        Refusal::invalid,
        fmt::format("FunctionName '{:.64}': expected 1 to {} letters, digits, '-' and '_'", name,
                    kLongestName));
  }
}

void check_range(const char* what, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  if (value < least || value > most) {
    throw RequestError(Refusal::invalid,
                       fmt::format("{} {}: expected {} to {}", what, value, least, most));
  }
}

void apply(const Settings& settings, Function& function) {
  if (settings.memory_mib) {
    check_range("MemorySize", *settings.memory_mib, 128, 10'240);
  }
  if (settings.timeout) {
    check_range("Timeout", static_cast<std::uint64_t>(settings.timeout->count()), 1, 900);
  }
  function.description = settings.description.value_or(function.description);
  function.handler = settings.handler.value_or(function.handler);
  function.runtime = settings.runtime.value_or(function.runtime);
  function.role = settings.role.value_or(function.role);
  function.environment = settings.environment.value_or(function.environment);
  function.memory_mib = settings.memory_mib.value_or(function.memory_mib);
  function.timeout = settings.timeout.value_or(function.timeout);
}

std::chrono::milliseconds now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

// Guest memory, handler and environment are part of what a snapshot holds.
bool runs_the_same(const Function& a, const Function& b) {
  return a.image == b.image && a.handler == b.handler && a.environment == b.environment &&
         a.memory_mib == b.memory_mib && a.runtime == b.runtime;
}

// The command that makes the image looks at the rest.
void check_archive(const std::string& zip) {
  if (zip.size() > kMostArchive) {
    throw RequestError(Refusal::too_large, fmt::format("ZipFile has {} bytes, expected at most {}",
                                                       zip.size(), kMostArchive));
  }
  if (!zip.starts_with("PK\3\4")) {
    throw RequestError(Refusal::invalid,
                       "Could not unzip uploaded file. Please check your file, then try to upload "
                       "again.");
  }
}

bool is_under_way(const Making& making) { return making.stage == Making::Stage::under_way; }

void refuse_while_making(const FunctionVersions& versions) {
  if (is_under_way(versions.latest.creation)) {
    refuse_unless_active(versions.latest);
  }
  if (versions.next) {
    throw RequestError(Refusal::conflict,
                       "The operation cannot be performed at this time. An update is in progress "
                       "for resource: " +
                           versions.latest.name);
  }
}

bool is_waiting_for(const FunctionVersions& versions, const std::string& revision) {
  return (versions.next && versions.next->revision == revision) ||
         (versions.latest.revision == revision && is_under_way(versions.latest.creation));
}

// What tells of the making of the next code: a function that has never run is created by it.
Making& show_update(Function& latest) {
  return latest.creation.stage == Making::Stage::done ? latest.update : latest.creation;
}

template <typename Change>
void for_each_kept(FunctionVersions& versions, Change change) {
  change(versions.latest);
  for (auto& [number, function] : versions.published) {
    change(function);
  }
  if (versions.next) {
    change(*versions.next);
  }
}

// The record that hosts share: what it names is in places that each host knows for itself.
std::string shared_text(FunctionVersions versions) {
  versions.change = 0;
  for_each_kept(versions, [](Function& function) {
    function.image.clear();
    function.archive = function.archive.filename();
  });
  return encode(versions);
}

std::set<fs::path> archives_of(const FunctionVersions& versions) {
  std::set<fs::path> archives;
  for (const Function& function : versions.kept()) {
    archives.insert(function.archive);
  }
  archives.erase(fs::path());
  return archives;
}

// Removes those of `archives` that are not in `kept`.
void remove_others(const std::set<fs::path>& archives, const std::set<fs::path>& kept) {
  for (const fs::path& archive : archives) {
    if (!kept.contains(archive)) {
      std::error_code ignored;
      fs::remove(archive, ignored);
    }
  }
}

Function& add_version(FunctionVersions& versions, Function function) {
  function.version = std::to_string(versions.next_version);
  function.concurrency.reset();
  function.update = {};
  return versions.published.emplace(versions.next_version++, std::move(function)).first->second;
}

}  // namespace

void refuse_unless_active(const Function& function) {
  if (function.creation.stage != Making::Stage::done) {
    throw RequestError(
        Refusal::conflict,
        fmt::format("The operation cannot be performed at this time. The function is currently in "
                    "the following state: {}",
                    is_under_way(function.creation) ? "Pending" : "Failed"));
  }
}

Registry::Registry(const Config& config, const Images& images, hosts::Store* store,
                   Listener listener)
    : config_(config), images_(images), store_(store), listener_(std::move(listener)) {
  fs::create_directories(config.state / "functions");
  for (const auto& entry : fs::directory_iterator(config.state / "functions")) {
    const fs::path file = entry.path() / "function.json";
    // A function whose creation a crash has ended has no file yet, or no more.
    if (fs::exists(file)) {
      functions_.emplace(entry.path().filename(), decode_versions(read_file(file), file));
    } else {
      fs::remove_all(entry.path());
    }
  }
}

Function Registry::create(const std::string& name, const Code& code, const Settings& settings,
                          bool publish) {
  check_name(name);
  std::unique_lock changing(changing_);
  require_store();
  {
    const std::lock_guard lock(mutex_);
    if (functions_.contains(name)) {
      throw RequestError(Refusal::conflict, "Function already exist: " + name);
    }
  }
  Function function{
      .name = name, .memory_mib = config_.defaults.memory_mib, .timeout = config_.defaults.timeout};
  apply(settings, function);
  fs::create_directories(directory(name));
  FunctionVersions versions;
  try {
    take_code(function, code);
    renew(function);
    if (!function.archive.empty()) {
      function.creation.stage = Making::Stage::under_way;
    }
    versions.latest = function;
    if (publish) {
      function = add_version(versions, function);
    }
  } catch (...) {
    fs::remove_all(directory(name));
    throw;
  }
  save(name, versions);
  changing.unlock();
  if (!is_under_way(function.creation)) {
    return function;
  }
  listener_.make(versions.latest);
  return await(name, function);
}

Function Registry::update_code(const std::string& name, const Code& code, bool publish) {
  std::unique_lock changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  refuse_while_making(versions);
  const auto before = revisions();
  Function function = versions.latest;
  function.creation = {};
  function.update = {};
  take_code(function, code);
  renew(function);
  const bool makes = !function.archive.empty();
  if (makes) {
    versions.next = function;
    show_update(versions.latest) = {Making::Stage::under_way, {}};
  } else {
    versions.latest = function;
  }
  if (publish) {
    function.creation.stage = makes ? Making::Stage::under_way : Making::Stage::done;
    function = add_version(versions, function);
  }
  save(name, versions);
  retire_unused(before);
  changing.unlock();
  if (!makes) {
    return function;
  }
  listener_.make(*versions.next);
  return await(name, function);
}

Function Registry::update_settings(const std::string& name, const Settings& settings) {
  std::unique_lock changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  refuse_while_making(versions);
  const auto before = revisions();
  Function function = versions.latest;
  apply(settings, function);
  const bool renews = !runs_the_same(function, versions.latest);
  if (renews) {
    renew(function);
  }
  function.modified = now();
  function.update = {};
  const bool makes = renews && !function.archive.empty();
  if (makes) {
    function.creation = {};
    versions.next = function;
    show_update(versions.latest) = {Making::Stage::under_way, {}};
  } else {
    versions.latest = function;
  }
  save(name, versions);
  retire_unused(before);
  changing.unlock();
  if (!makes) {
    return function;
  }
  listener_.make(function);
  return await(name, function);
}

// Waits for the image that was asked for. Returns the function as it then is.
Function Registry::await(const std::string& name, const Function& function) {
  const std::string& revision = function.revision;
  bool removed = false;
  std::string failure;
  {
    std::unique_lock lock(mutex_);
    const auto versions = [&]() -> const FunctionVersions* {
      const auto found = functions_.find(name);
      return found == functions_.end() ? nullptr : &found->second;
    };
    const auto is_made = [&] {
      const FunctionVersions* now = versions();
      return now == nullptr ||
             !((now->latest.revision == revision && is_under_way(now->latest.creation)) ||
               (now->next && now->next->revision == revision));
    };
    finished_.wait_for(lock, config_.archives.patience, is_made);
    const FunctionVersions* now = versions();
    if (now == nullptr) {
      throw RequestError(Refusal::not_found, "Function not found: " + name);
    }
    removed =
        now->latest.revision == revision && now->latest.creation.stage == Making::Stage::failed;
    if (is_made()) {
      const bool created = now->latest.creation.stage == Making::Stage::done;
      failure = created ? now->latest.update.reason : now->latest.creation.reason;
    }
  }
  if (removed) {
    remove(name, std::nullopt);
  }
  if (!failure.empty()) {
    throw RequestError(Refusal::invalid, failure);
  }
  return find(name, function.version);
}

std::vector<Function> Registry::unmade() const {
  const std::lock_guard lock(mutex_);
  std::vector<Function> unmade;
  for (const auto& [name, versions] : functions_) {
    if (versions.next) {
      unmade.push_back(*versions.next);
    } else if (is_under_way(versions.latest.creation)) {
      unmade.push_back(versions.latest);
    }
  }
  return unmade;
}

void Registry::made(const Function& function, const MadeImage& image) {
  for (;;) {
    try {
      settle(function, image);
      return;
    } catch (const hosts::StoreLost&) {
      const std::lock_guard lock(mutex_);
      unsettled_.push_back(function);
      return;
    } catch (const RequestError& error) {
      // Another host has changed something else of the function, such as an alias.
      if (error.refusal() != Refusal::conflict) {
        throw;
      }
    }
  }
}

void Registry::settle(const Function& function, const MadeImage& image) {
  const std::string& revision = function.revision;
  const bool failed = !image.failure.empty();
  const Making making{failed ? Making::Stage::failed : Making::Stage::done, image.failure};
  if (failed) {
    log(LogLevel::warning, fmt::format("{}: no image: {}", function.name, image.failure));
  }
  const std::lock_guard changing(changing_);
  require_store();
  const auto before = revisions();
  if (!before.contains(revision)) {
    // It was deleted meanwhile.
    images_.remove(revision);
    return;
  }
  FunctionVersions versions = at(function.name);
  if (!is_waiting_for(versions, revision)) {
    // Another host was faster.
    return;
  }
  if (failed) {
    std::erase_if(versions.published,
                  [&](const auto& each) { return each.second.revision == revision; });
  }
  for (auto& [number, published] : versions.published) {
    if (published.revision == revision) {
      published.image = image.directory;
      published.creation = making;
    }
  }
  if (versions.next && versions.next->revision == revision) {
    Function next = *std::move(versions.next);
    versions.next.reset();
    if (failed) {
      show_update(versions.latest) = making;
    } else {
      next.concurrency = versions.latest.concurrency;
      next.image = image.directory;
      versions.latest = std::move(next);
    }
  } else if (versions.latest.revision == revision) {
    versions.latest.image = image.directory;
    versions.latest.creation = making;
  }
  save(function.name, versions);
  retire_unused(before);
  finished_.notify_all();
}

void Registry::set_concurrency(const std::string& name, std::optional<unsigned> concurrency) {
  const std::lock_guard changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  versions.latest.concurrency = concurrency;
  save(name, versions);
}

Function Registry::publish(const std::string& name, const std::optional<std::string>& description) {
  const std::lock_guard changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  refuse_while_making(versions);
  refuse_unless_active(versions.latest);
  // As with Lambda, what has not changed since the last version is that version.
  if (!versions.published.empty()) {
    const Function& last = versions.published.rbegin()->second;
    if (last.revision == versions.latest.revision && last.timeout == versions.latest.timeout) {
      return last;
    }
  }
  Function& version = add_version(versions, versions.latest);
  version.description = description.value_or(version.description);
  const Function function = version;
  save(name, versions);
  return function;
}

void Registry::remove(const std::string& name, const std::optional<std::string>& version) {
  const std::lock_guard changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  const auto before = revisions();
  if (version == kLatest) {
    throw RequestError(Refusal::invalid, "$LATEST cannot be deleted without the function");
  }
  if (version) {
    refuse_if_aliased(versions, *version);
    if (std::erase_if(versions.published,
                      [&](const auto& each) { return each.second.version == *version; }) == 0) {
      throw RequestError(Refusal::not_found, "Function not found: " + name + ":" + *version);
    }
    save(name, versions);
  } else {
    const std::lock_guard following(following_);
    if (store_ != nullptr) {
      store_->remove(name, versions.change);
      remove_others(archives_of(versions), {});
    }
    forget(name);
  }
  retire_unused(before);
}

Alias Registry::create_alias(const std::string& name, const std::string& alias,
                             const AliasSettings& settings) {
  const std::lock_guard changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  Alias created = add_alias(versions, alias, settings);
  save(name, std::move(versions));
  return created;
}

Alias Registry::update_alias(const std::string& name, const std::string& alias,
                             const AliasSettings& settings) {
  const std::lock_guard changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  Alias changed = change_alias(versions, alias, settings);
  save(name, std::move(versions));
  return changed;
}

void Registry::remove_alias(const std::string& name, const std::string& alias) {
  const std::lock_guard changing(changing_);
  require_store();
  FunctionVersions versions = at(name);
  if (versions.aliases.erase(alias) != 0) {
    save(name, std::move(versions));
  }
}

Alias Registry::alias(const std::string& name, const std::string& alias) const {
  return find_alias(at(name), alias);
}

std::vector<Alias> Registry::aliases(const std::string& name) const {
  std::vector<Alias> aliases;
  for (const auto& [each, alias] : at(name).aliases) {
    aliases.push_back(alias);
  }
  return aliases;
}

Function Registry::find(const std::string& name, const std::string& qualifier) const {
  const FunctionVersions versions = at(name);
  const auto alias = versions.aliases.find(qualifier);
  return version(versions, alias == versions.aliases.end() ? qualifier : alias->second.version);
}

Function Registry::find_to_invoke(const std::string& name, const std::string& qualifier) const {
  thread_local std::minstd_rand random{std::random_device{}()};
  const FunctionVersions versions = at(name);
  const auto alias = versions.aliases.find(qualifier);
  return version(versions,
                 alias == versions.aliases.end()
                     ? qualifier
                     : version_of(alias->second, std::uniform_real_distribution<>(0, 1)(random)));
}

Function Registry::version(const FunctionVersions& versions, const std::string& version) {
  const Function* found = versions.find(version);
  if (found == nullptr) {
    throw RequestError(Refusal::not_found,
                       fmt::format("Function not found: {}:{}", versions.latest.name, version));
  }
  Function function = *found;
  function.concurrency = versions.latest.concurrency;
  return function;
}

std::vector<Function> Registry::list(bool all_versions) const {
  const std::lock_guard lock(mutex_);
  std::vector<Function> list;
  for (const auto& [name, versions] : functions_) {
    const auto wanted = all_versions ? versions.all() : std::vector{versions.latest};
    list.insert(list.end(), wanted.begin(), wanted.end());
  }
  return list;
}

std::vector<Function> Registry::versions(const std::string& name) const { return at(name).all(); }

fs::path Registry::directory(const std::string& name) const {
  return config_.state / "functions" / name;
}

FunctionVersions Registry::at(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = functions_.find(name);
  if (found == functions_.end()) {
    throw RequestError(Refusal::not_found, "Function not found: " + name);
  }
  return found->second;
}

void Registry::save(const std::string& name, FunctionVersions versions) {
  const std::lock_guard following(following_);
  if (store_ == nullptr) {
    keep(name, versions);
    remove_archives(name, versions);
    return;
  }
  std::set<fs::path> before;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = functions_.find(name); found != functions_.end()) {
      before = archives_of(found->second);
    }
  }
  const std::set<fs::path> after = archives_of(versions);
  try {
    versions.change = store_->put(name, shared_text(versions), versions.change);
  } catch (const hosts::StoreLost&) {
    throw;
  } catch (...) {
    remove_others(after, before);
    throw;
  }
  keep(name, versions);
  remove_others(before, after);
}

// Writes this host's copy.
void Registry::keep(const std::string& name, const FunctionVersions& versions) {
  fs::create_directories(directory(name));
  write_durably(directory(name) / "function.json", encode(versions));
  const std::lock_guard lock(mutex_);
  functions_.insert_or_assign(name, versions);
  finished_.notify_all();
}

void Registry::forget(const std::string& name) {
  // Without its file the function is gone, whatever else is left after a crash.
  remove_durably(directory(name) / "function.json");
  {
    const std::lock_guard lock(mutex_);
    functions_.erase(name);
    finished_.notify_all();
  }
  fs::remove_all(directory(name));
}

// Removes the archives that no version is made of.
void Registry::remove_archives(const std::string& name, const FunctionVersions& versions) const {
  std::set<fs::path> used = archives_of(versions);
  used.insert(directory(name) / "function.json");
  for (const auto& entry : fs::directory_iterator(directory(name))) {
    if (!used.contains(entry.path())) {
      fs::remove(entry.path());
    }
  }
}

void Registry::refresh() {
  try {
    require_store();
  } catch (const hosts::StoreLost&) {
    // The link has said so.
  } catch (const std::exception& error) {
    log(LogLevel::error, error.what());
  }
}

void Registry::resume() {
  if (store_ == nullptr) {
    return;
  }
  try {
    require_store();
  } catch (const std::exception&) {
    return;
  }
  std::vector<Function> unsettled;
  {
    const std::lock_guard lock(mutex_);
    unsettled.swap(unsettled_);
  }
  // A host that is still there has told by then what became of the image.
  const auto oldest = now() - config_.archives.timeout - config_.archives.patience;
  for (const Function& function : unmade()) {
    if (function.modified < oldest && resumed_.insert(function.revision).second) {
      unsettled.push_back(function);
    }
  }
  for (const Function& function : unsettled) {
    listener_.make(function);
  }
}

void Registry::require_store() {
  if (store_ == nullptr) {
    return;
  }
  const std::lock_guard following(following_);
  auto changes = store_->since(known_store_, known_change_);
  const bool anew = changes.store != known_store_ || changes.number < known_change_;
  if (anew) {
    // The store is new to this host, or it has forgotten something.
    give_to_store();
    changes = store_->since({}, 0);
  }
  if (!changes.records.empty()) {
    const auto before = revisions();
    for (const auto& record : changes.records) {
      try {
        take_over(record, anew);
      } catch (const std::exception& error) {
        log(LogLevel::error, record.function + ": not taken over: " + error.what());
      }
    }
    retire_unused(before);
  }
  known_store_ = changes.store;
  known_change_ = changes.number;
}

void Registry::give_to_store() {
  std::map<std::string, FunctionVersions> functions;
  {
    const std::lock_guard lock(mutex_);
    functions = functions_;
  }
  for (const auto& [name, versions] : functions) {
    for (const fs::path& archive : archives_of(versions)) {
      const fs::path target = store_->archives(name) / archive.filename();
      if (archive != target && !fs::exists(target)) {
        fs::create_directories(target.parent_path());
        write_durably(target, read_file(archive));
      }
    }
    store_->restore(name, shared_text(versions), versions.change);
  }
}

void Registry::take_over(const hosts::Store::Record& record, bool anew) {
  const std::string& name = record.function;
  check_name(name);
  {
    const std::lock_guard lock(mutex_);
    const auto known = functions_.find(name);
    if (known == functions_.end() ? !record.text : !anew && known->second.change >= record.number) {
      return;
    }
  }
  if (!record.text) {
    forget(name);
    return;
  }
  FunctionVersions versions = decode_record(*record.text, name);
  versions.change = record.number;
  for_each_kept(versions, [&](Function& function) {
    if (!function.archive.empty()) {
      function.archive = store_->archives(name) / function.archive;
    }
    if (function.creation.stage == Making::Stage::done) {
      function.image = images_.place(function);
    }
  });
  keep(name, versions);
}

void Registry::take_code(Function& function, const Code& code) const {
  if (code.image_uri.has_value() == code.zip.has_value()) {
    throw RequestError(Refusal::invalid, "Code: expected either ImageUri or ZipFile");
  }
  if (code.image_uri) {
    function.image = images_.find(*code.image_uri);
    function.image_uri = *code.image_uri;
    function.archive.clear();
    return;
  }
  check_archive(*code.zip);
  const std::string sum = sha256(*code.zip);
  if (store_ == nullptr) {
    function.archive = directory(function.name) / (hex(sum) + ".zip");
  } else {
    // No two hosts write one file, so that what one of them removes is its own.
    function.archive =
        store_->archives(function.name) / fmt::format("{}-{}.zip", hex(sum), random_hex(8));
    fs::create_directories(function.archive.parent_path());
  }
  function.image_uri.clear();
  function.code_sha256 = base64(sum);
  function.code_size = code.zip->size();
  write_durably(function.archive, *code.zip);
}

// Gives the function a new revision, after a look at whether it can have an image.
void Registry::renew(Function& function) const {
  function.revision = "r" + random_hex(16);
  function.modified = now();
  if (!function.archive.empty()) {
    images_.check(function);
    return;
  }
  if (!function.environment.empty()) {
    throw RequestError(Refusal::invalid,
                       "Environment: an image has the environment that it was made with; make it "
                       "anew with `faasnap image make --image-config`");
  }
  const ImageFacts facts = Images::facts(function.image);
  function.code_sha256 = facts.sha256;
  function.code_size = facts.size;
}

void Registry::retire_unused(const std::set<std::string>& before) {
  const auto after = revisions();
  for (const std::string& revision : before) {
    if (!after.contains(revision)) {
      listener_.retired(revision);
    }
  }
}

std::set<std::string> Registry::revisions() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> revisions;
  for (const auto& [name, versions] : functions_) {
    for (const Function& function : versions.kept()) {
      revisions.insert(function.revision);
    }
  }
  return revisions;
}

}  // namespace platform
