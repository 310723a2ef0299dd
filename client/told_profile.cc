#include "client/told_profile.h"

namespace recrypt {

Result<Profile> ProfileAsTold(Client& client, const AccountName& account) {
  const auto service = client.services().At(std::string(account.domain()));
  RECRYPT_ASSIGN(const Json jws, service->GetStatic("Profile", account.text()));
  RECRYPT_ASSIGN(Profile profile, VerifyProfile(jws));
  if (profile.account != account) {
    return Fail(ErrorCode::kDenied, "the service of " + std::string(account.domain()) +
                                        " sent the profile of " + profile.account.text() +
                                        " for that of " + account.text());
  }
  return profile;
}

}  // namespace recrypt
