#include "client/label_join.h"

#include "core/base/clock.h"

namespace recrypt {
namespace {

Result<std::shared_ptr<ServiceClient>> ServiceOf(Client& client, const LabelName& label) {
  RECRYPT_ASSIGN(const auto profile,
                 client.profiles().Label(label, ProfileUse::kRead, Freshness::kFetch));
  const LabelProfile::Service& service = profile->services.front();
  return client.services().At(service.domain, service.udf);
}

Result<LabelJoin> ReadJoin(const Json& item) {
  LabelJoin join;
  RECRYPT_ASSIGN(join.account, GetString(item, "Account"));
  RECRYPT_ASSIGN(const Json* jws, GetObject(item, "Profile"));
  RECRYPT_ASSIGN(const Profile profile, VerifyProfile(*jws));
  if (profile.account.text() != join.account) {
    return Fail(ErrorCode::kDenied, "the profile is another account's");
  }
  join.profile_udf = profile.Udf();
  RECRYPT_ASSIGN(join.device, GetString(item, "Device"));
  RECRYPT_ASSIGN(const std::string time, GetString(item, "Time"));
  RECRYPT_ASSIGN(join.time, ParseTime(time));
  if (FindMember(item, "Message") != nullptr) {
    RECRYPT_ASSIGN(join.message, GetString(item, "Message"));
  }
  return join;
}

}  // namespace

// Of a label over several services the request stands at one, the first of its profile.
Status JoinLabel(Client& client, const LabelName& label, const std::string& message) {
  const Identity& identity = client.keystore().identity();
  RECRYPT_ASSIGN(const auto service, ServiceOf(client, label));
  return service->Join({"", label.text(), identity.account.text(), identity.profile, message});
}

Result<std::vector<LabelJoin>> ListJoins(Client& client, const LabelName& label) {
  RECRYPT_ASSIGN(const auto service, ServiceOf(client, label));
  SelectRequest request;
  request.type = "Joins";
  request.label = label.text();
  request.limit = 1000;
  RECRYPT_ASSIGN(const Json items, service->SelectAll(request));
  std::vector<LabelJoin> joins;
  for (const Json& item : items) {
    if (auto join = ReadJoin(item)) joins.push_back(std::move(*join));
  }
  return joins;
}

}  // namespace recrypt
