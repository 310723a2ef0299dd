#include "service/measured_store.h"

#include <algorithm>

namespace recrypt {

std::vector<Status> MeasuredStore::Write(std::span<const WriteBody> bodies) {
  const auto begun = std::chrono::steady_clock::now();
  std::vector<Status> outcomes = store_->Write(bodies);
  const auto took = std::chrono::steady_clock::now() - begun;
  const bool failed = std::any_of(outcomes.begin(), outcomes.end(), [](const Status& outcome) {
    return !outcome && outcome.error().code == ErrorCode::kIo;
  });
  metrics_.CountStoreWrite(failed ? Metrics::StoreWrite::kFailed : Metrics::StoreWrite::kDone,
                           took);
  return outcomes;
}

}  // namespace recrypt
