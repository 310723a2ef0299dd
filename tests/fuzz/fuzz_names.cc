// A stored name that anybody may have left on a share is shown as something, and a name of a mount
// comes back from its stored one. The input is a name, and behind a '/' what a sidecar says.
#include <cstdint>
#include <cstdlib>

#include "core/jcd/stored_name.h"

using namespace recrypt;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckStored(std::string_view stored, std::string_view sidecar) {
  for (StoredKind what : {StoredKind::kDocument, StoredKind::kOther}) {
    const auto name = NameFromStored(stored, what);
    // Anything of this stored name but a hashed one got it by the name that is shown.
    const bool stands = stored.size() <= kMaxName && name && !IsHashedStem(*name);
    if (stands) Check(StoredName(*name, what) == stored);
  }
  Check(!(IsHashedName(stored) && IsSidecarName(stored)));
  if (IsSidecarName(stored)) Check(SidecarName(HashedNameOf(stored)) == stored);
  if (IsNameOfHashed(sidecar, stored)) Check(StoredDocumentName(sidecar) == stored);
}

void CheckPlain(std::string_view name) {
  for (StoredKind what : {StoredKind::kDocument, StoredKind::kOther}) {
    const std::string stored = StoredName(name, what);
    Check(stored.size() <= kMaxName);
    if (IsHashedName(stored)) {
      Check(IsNameOfHashed(name, stored));
    } else {
      Check(NameFromStored(stored, what).value_or(stored) == name);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t slash = input.find('/');
  const std::string_view name = input.substr(0, slash);
  const std::string_view rest = slash == input.npos ? "" : input.substr(slash + 1);
  CheckStored(name, rest);
  const bool is_name = !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
                       name.find('\0') == name.npos;
  if (is_name) CheckPlain(name);
  return 0;
}
