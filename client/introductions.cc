#include "client/introductions.h"

namespace recrypt {
namespace {

// A service may come to take the profile at any time: an administrator adds the personal group.
constexpr int64_t kPauseMillis = 10'000;

}  // namespace

bool Introductions::Introduce(const std::string& domain, ServiceClient& service, int64_t asked_ms) {
  if (!identity_ || domain == identity_->account.domain()) return false;
  const std::lock_guard guard(mutex_);
  const int64_t now_ms = clock_.MonotonicMillis();
  if (const auto found = last_.find(domain); found != last_.end()) {
    const Last& last = found->second;
    if (last.introduced && last.tried_ms >= asked_ms) return true;
    if (now_ms < last.tried_ms + kPauseMillis) return false;
  }
  const bool introduced = Present(service);
  last_[domain] = {clock_.MonotonicMillis(), introduced};
  return introduced;
}

bool Introductions::Present(ServiceClient& service) {
  const auto jws = services_.At(std::string(identity_->account.domain()))
                       ->GetStatic("Profile", identity_->account.text());
  if (!jws) return false;
  const auto profile = VerifyProfile(*jws);
  if (!profile || profile->Udf() != identity_->Udf() || profile->personal.empty()) return false;
  return service.SetProfile(*jws).has_value();
}

}  // namespace recrypt
