// What is signed and comes from somebody else: a share's policy, the profiles of labels, accounts
// and services. The input is a payload, which is signed here by one who may; what is read of it is
// written and read back the same. It is also taken for a signed object as it stands.
#include <array>
#include <cstdint>
#include <cstdlib>

#include "core/identity/profile.h"
#include "core/jose/jws.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// Owner, master and service at once, the same in each run: the corpus names it.
const PrivateKey& Signer() {
  static const PrivateKey key = [] {
    std::array<uint8_t, 32> raw;
    raw.fill(1);
    return PrivateKey::FromBytes(Curve::kEd25519, raw).value();
  }();
  return key;
}

Result<SharePolicy> VerifyPolicy(const Json& jws) {
  return VerifySharePolicy(jws, Signer().public_key());
}

template <typename Verify, typename Sign>
void CheckRoundTrip(const Json& jws, Verify verify, Sign sign) {
  const auto read = verify(jws);
  if (!read) return;
  const Json written = sign(*read, Signer());
  const auto again = verify(written);
  Check(again && sign(*again, Signer()) == written);
}

void CheckLookUps(const Json& jws, std::string_view path) {
  const auto policy = VerifyPolicy(jws);
  if (!policy) return;
  Check(PeekSharePolicyOwner(jws).value() == policy->owner);
  for (const SharePolicy::Path& entry : policy->paths) {
    Check(*policy->Find(entry.path) == entry.label);
    if (!entry.path.empty()) (void)policy->Find(entry.path + "/below");
  }
  (void)policy->Find(path);
}

void CheckAll(const Json& jws) {
  CheckRoundTrip(jws, VerifyPolicy, SignSharePolicy);
  CheckRoundTrip(jws, VerifyProfile, SignProfile);
  CheckRoundTrip(jws, VerifyLabelProfile, SignLabelProfile);
  CheckRoundTrip(jws, VerifyServiceProfile, SignServiceProfile);
  (void)PeekSharePolicyOwner(jws);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto jws = ParseJson(text)) CheckAll(*jws);
  const Json jws = SignJws(Signer(), text);
  CheckAll(jws);
  CheckLookUps(jws, text);
  return 0;
}
