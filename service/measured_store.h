// MeasuredStore: a store whose transactions are counted and timed.
//
//   store = std::make_unique<MeasuredStore>(std::move(store), metrics);
//
// Thread safe as the store is.
#ifndef RECRYPT_SERVICE_MEASURED_STORE_H_
#define RECRYPT_SERVICE_MEASURED_STORE_H_

#include <memory>

#include "service/metrics.h"
#include "service/store.h"

namespace recrypt {

class MeasuredStore : public Store {
 public:
  // `metrics` outlives it.
  MeasuredStore(std::unique_ptr<Store> store, Metrics& metrics)
      : store_(std::move(store)), metrics_(metrics) {}

  Status Read(const ReadBody& body) override { return store_->Read(body); }
  std::vector<Status> Write(std::span<const WriteBody> bodies) override;

 private:
  const std::unique_ptr<Store> store_;
  Metrics& metrics_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_MEASURED_STORE_H_
