// Dispatcher: from an HTTP request to its answer: authentication, parsing, the transaction, and the
// answer's MAC.
//
//   Dispatcher dispatcher(options, keys, clock, store);
//   dispatcher.Handle(std::move(request), [](HttpResponse response) { … });
//   dispatcher.Stop();          // when no more requests come: answers those that wait
//
// Thread safe.
#ifndef RECRYPT_SERVICE_DISPATCHER_H_
#define RECRYPT_SERVICE_DISPATCHER_H_

#include "service/checkpointer.h"
#include "service/http_message.h"
#include "service/transactions.h"

namespace recrypt {

class Dispatcher {
 public:
  // `keys`, `clock` and `store` outlive the dispatcher.
  Dispatcher(ServiceOptions options, const ServiceKeys& keys, const Clock& clock, Store& store);
  ~Dispatcher();

  void Handle(HttpRequest request, HttpReply reply);
  void Stop();

 private:
  void HandleTransaction(const HttpRequest& request, HttpReply reply);
  void Dispatch(Request request, const Caller* caller, Reply reply);
  HttpResponse HandlePlain(const HttpRequest& request) const;

  const ServiceOptions options_;
  const Clock& clock_;
  Store& store_;
  Sessions sessions_;
  OpenedEntries opened_;
  Notes notes_;
  Committer committer_;  // after what its callbacks use
  Checkpointer checkpointer_;
  ServiceContext context_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_DISPATCHER_H_
