// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "artifact/functions.h"
#include "artifact/invocations.h"
#include "artifact/networks.h"
#include "artifact/snapshots.h"
#include "artifact/traces.h"
#include "artifact/vms.h"
#include "base/config.h"
#include "functions/images.h"
#include "functions/invoker.h"
#include "functions/machine.h"
#include "http/server.h"

namespace platform::artifact {

// The REST interface of the FaaSnap paper's artifact (EuroSys '22), so that its evaluation driver
// works with this platform; docs/guide/platform.md says what differs. Its functions, VMs, snapshots
// and networks are in memory, apart from those of Lambda's interface. Every member function is safe
// from any thread.
class Api {
 public:
  Api(const Config& config, const Images& images, MachineMaker& maker, Invoker& invoker);

  // Adds the routes to a server that serves nothing else. This object must outlive it.
  void serve(http::Server& server);
  // Ends every VM, and with it the requests that wait for one.
  void close() { vms_.close(); }

 private:
  using Request = httplib::Request;
  using Response = httplib::Response;
  // The request with what is in the place of "*" in the route's path.
  struct Call {
    const Request& request;
    Response& response;
    const std::string& id;
    RequestTrace& trace;
  };
  struct Route;
  static const Route kRoutes[];

  void answer(const Request& request, Response& response);
  void find_and_run(const Request& request, Response& response);
  void reply_trace(const std::string& id, Response& response) const;

  void put_network(const Call& call);
  void add_function(const Call& call);
  void list_functions(const Call& call);
  void start_vm(const Call& call);
  void list_vms(const Call& call);
  void describe_vm(const Call& call);
  void end_vm(const Call& call);
  void reserve_vm(const Call& call);
  void make_snapshot(const Call& call);
  void copy_snapshot(const Call& call);
  void change_snapshot(const Call& call);
  void describe_recording(const Call& call);
  void carry_recording_over(const Call& call);
  void add_common_layer(const Call& call);
  void change_recording(const Call& call);
  void change_reap(const Call& call);
  void refuse_reap(const Call& call);
  void invoke(const Call& call);
  void show_state(const Call& call);
  void refuse_metrics(const Call& call);

  Traces traces_;
  Networks networks_;
  Functions functions_;
  Vms vms_;
  Snapshots snapshots_;
  Invocations invocations_;
};

}  // namespace platform::artifact
