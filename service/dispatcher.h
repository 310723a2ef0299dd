// Dispatcher: from an HTTP request to its answer: authentication, parsing, the transaction, and the
// answer's MAC.
//
//   Dispatcher dispatcher(options, keys, clock, store, sessions, metrics);
//   dispatcher.Handle(std::move(request), [](HttpResponse response) { … });
//   dispatcher.PrepareToStop();  // is not ready any more, and goes on answering
//   dispatcher.Stop();           // when no more requests come: answers those that wait
//
// Thread safe.
#ifndef RECRYPT_SERVICE_DISPATCHER_H_
#define RECRYPT_SERVICE_DISPATCHER_H_

#include <atomic>

#include "service/checkpointer.h"
#include "service/http_message.h"
#include "service/request_watch.h"
#include "service/transactions.h"

namespace recrypt {

class Dispatcher {
 public:
  // All references outlive the dispatcher.
  Dispatcher(ServiceOptions options, const ServiceKeys& keys, const Clock& clock, Store& store,
             Sessions& sessions, Metrics& metrics);
  ~Dispatcher();

  void Handle(HttpRequest request, HttpReply reply);
  void LogRequests(LoggedRequests logged) { logged_ = logged; }

  // Whether requests are answered: the store is, and nobody stops it.
  Status Ready() const;
  // /healthz and /readyz; 404 for anything else.
  HttpResponse Page(std::string_view path) const;
  // The part of the gauges that it knows.
  void Measure(Metrics::Gauges& gauges) const;

  void PrepareToStop() { stopping_ = true; }
  void Stop();

 private:
  void HandleTransaction(const HttpRequest& request, HttpReply reply);
  void Dispatch(Request request, const Caller* caller, Reply reply);

  const ServiceOptions options_;
  const Clock& clock_;
  Store& store_;
  Sessions& sessions_;
  Metrics& metrics_;
  std::atomic<LoggedRequests> logged_ = LoggedRequests::kFailed;
  std::atomic<bool> stopping_ = false;
  OpenedEntries opened_;
  Committer committer_;  // after what its callbacks use
  Checkpointer checkpointer_;
  ServiceContext context_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_DISPATCHER_H_
