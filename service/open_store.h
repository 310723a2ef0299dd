// Where a service's store is, and how it is opened: SQLite in the state directory, or a PostgreSQL
// database that several processes may serve from.
//
//   RECRYPT_ASSIGN(ServingStore opened, OpenServingStore({state, uri}, sync, keys));
#ifndef RECRYPT_SERVICE_OPEN_STORE_H_
#define RECRYPT_SERVICE_OPEN_STORE_H_

#include <memory>
#include <string>

#include "service/service_keys.h"
#include "service/sessions.h"
#include "service/store.h"

namespace recrypt {

struct StorePlace {
  std::string state;
  std::string uri;  // of the database; empty: SQLite
};

// Where the SQLite store of a state directory is.
std::string StorePath(const std::string& state);

struct ServingStore {
  std::unique_ptr<Store> store;
  std::unique_ptr<Sessions> sessions;
};

// Makes or migrates the store. kInvalid for a database when the state directory holds a store too.
Result<ServingStore> OpenServingStore(const StorePlace& place, AuditSync sync,
                                      const ServiceKeys& keys);

// For work beside which nobody serves: kBusy when somebody does from the same database. Of SQLite
// the lock on the state directory says so.
Result<std::unique_ptr<Store>> OpenStoreAlone(const StorePlace& place);

// For looking at, beside whoever serves.
Result<std::unique_ptr<Store>> OpenStoreReadOnly(const StorePlace& place);

// Notes in the store which service it belongs to, and gives the service's profile that counts: the
// newest that any process of the service has. kInvalid when the store is another service's, or the
// keys are older than the store.
Result<Json> ClaimStore(Store& store, const ServiceKeys& keys);

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_OPEN_STORE_H_
