// SPDX-License-Identifier: Apache-2.0

#include "hosts/lease.h"

#include <stop_token>

#include "base/log.h"
#include "base/pause.h"

namespace platform::hosts {
namespace {

constexpr std::chrono::seconds kLength{30};

void extend(Store& store, const std::string& name, const std::stop_token& stop) {
  while (pause(stop, kLength / 3)) {
    try {
      store.lease(name, kLength);
    } catch (const std::exception& error) {
      // What the lease protects from is work done twice, which does no harm.
      log(LogLevel::warning, name + ": the lease is not extended: " + error.what());
    }
  }
}

}  // namespace

std::unique_ptr<Lease> Lease::take(Store& store, const std::string& name) {
  if (!store.lease(name, kLength)) {
    return nullptr;
  }
  return std::unique_ptr<Lease>(new Lease(store, name));
}

Lease::Lease(Store& store, std::string name)
    : store_(store),
      name_(std::move(name)),
      thread_([this](const std::stop_token& stop) { extend(store_, name_, stop); }) {}

Lease::~Lease() {
  thread_.request_stop();
  thread_.join();
  try {
    store_.give_up(name_);
  } catch (const std::exception&) {
    // It runs out by itself.
  }
}

}  // namespace platform::hosts
