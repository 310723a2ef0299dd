// Get: static resources here, recryption grants in grants.cc.
#include "service/grants.h"
#include "service/notes.h"

namespace recrypt {
namespace {

ResponseStatus NotFound(const std::string& what) {
  return {StatusCode::kNotFound, "not-found", what};
}

// A signed object as it was stored, or not found.
Status TakeStored(const std::string* jws, const std::string& what, StaticResult& result) {
  if (jws == nullptr) {
    result.status = NotFound(what);
    return {};
  }
  auto value = ParseJson(*jws);
  if (!value) return Fail(ErrorCode::kCorrupt, "a stored object does not parse");
  result.value = std::move(*value);
  return {};
}

Status GetProfile(StoreView& view, StaticResult& result) {
  RECRYPT_ASSIGN(const auto found, view.FindProfile(result.identifier));
  return TakeStored(found ? &found->jws : nullptr, "there is no such account here", result);
}

Status GetKeySet(StoreView& view, StaticResult& result) {
  RECRYPT_ASSIGN(const auto found, view.FindLabel(result.identifier));
  const bool live = found && !found->deleted;
  return TakeStored(live ? &found->jws : nullptr, "there is no such label here", result);
}

Status GetEntries(StoreView& view, const Caller& caller, StaticResult& result) {
  RECRYPT_ASSIGN(const auto entries, view.EntriesOfDevice(result.identifier, caller.device));
  Json list = Json::array();
  for (const StoredEntry& entry : entries) {
    if (entry.revoked) continue;
    auto half = ParseJson(entry.member_half);
    if (!half) return Fail(ErrorCode::kCorrupt, "a stored entry does not parse");
    Json item = {{"Key", entry.key}, {"Epoch", entry.epoch}, {"MemberHalf", std::move(*half)}};
    if (!entry.credential.empty()) item["Credential"] = Base64UrlEncode(entry.credential);
    list.push_back(std::move(item));
  }
  if (!list.empty()) {
    result.value = {{"Entries", std::move(list)}};
  } else if (entries.empty()) {
    result.status = NotFound("this device has no recryption entry of the label");
  } else {
    result.status = Refusal("revoked", "this device's recryption entries have been revoked");
  }
  return {};
}

Status GetSecrets(StoreView& view, const Caller& caller, StaticResult& result) {
  RECRYPT_ASSIGN(const bool administrator, view.IsAdministrator(result.identifier, caller.device));
  if (!administrator) {
    result.status = Refusal("not-administrator", "this device does not administer the label");
    return {};
  }
  RECRYPT_ASSIGN(const auto found, view.FindSecrets(result.identifier, caller.device));
  if (!found) {
    result.status = NotFound("the label's secrets were not sealed to this device");
    return {};
  }
  auto secrets = ParseJson(*found);
  if (!secrets) return Fail(ErrorCode::kCorrupt, "a stored secret does not parse");
  RECRYPT_ASSIGN(std::vector<std::string> devices, view.DevicesWithSecrets(result.identifier));
  result.value = {{"Secrets", std::move(*secrets)}, {"Devices", std::move(devices)}};
  return {};
}

Status GetNote(const ServiceContext& context, StoreView& view, StaticResult& result) {
  const auto found = FindNote(view, result.identifier, context.clock.NowSeconds());
  if (!found) {
    const ErrorCode code = found.error().code;
    if (code != ErrorCode::kNotFound && code != ErrorCode::kStale) return Fail(found.error());
    result.status = StatusOf(found.error());
    return {};
  }
  RECRYPT_ASSIGN(Json content, ParseJson(*found));
  result.value = {{"Content", std::move(content)}};
  return {};
}

Status GetStatic(const ServiceContext& context, const Caller* caller, StoreView& view,
                 StaticResult& result) {
  if (result.type == "Profile") return GetProfile(view, result);
  if (result.type == "KeySet") return GetKeySet(view, result);
  if (result.type == "Entry" && caller != nullptr) return GetEntries(view, *caller, result);
  if (result.type == "Secrets" && caller != nullptr) return GetSecrets(view, *caller, result);
  if (result.type == "Note" && caller != nullptr) return GetNote(context, view, result);
  if (result.type == "Service") {
    if (result.identifier.empty() || result.identifier == context.options.domain) {
      result.value = context.keys.profile;
    } else {
      result.status = NotFound("this is the service of " + context.options.domain);
    }
    return {};
  }
  result.status = {StatusCode::kInvalid, "invalid", "there is no such type of resource"};
  return {};
}

Result<std::vector<StaticResult>> GetStatics(ServiceContext& context, const Caller* caller,
                                             const std::vector<StaticRequest>& wanted) {
  std::vector<StaticResult> results;
  if (wanted.empty()) return results;
  RECRYPT_TRY(context.store.Read([&](StoreView& view) -> Status {
    for (const StaticRequest& item : wanted) {
      StaticResult result;
      result.type = item.type;
      result.identifier = item.identifier;
      RECRYPT_TRY(GetStatic(context, caller, view, result));
      results.push_back(std::move(result));
    }
    return {};
  }));
  return results;
}

}  // namespace

void HandleGet(ServiceContext& context, const Caller* caller, GetRequest request, Reply reply) {
  GetResponse response;
  auto statics = GetStatics(context, caller, request.statics);
  if (!statics) return reply(Response(StatusFor(statics.error())));
  response.statics = std::move(*statics);
  if (request.grants.empty() || caller == nullptr) return reply(Response(std::move(response)));
  RunGrants(context, *caller, std::move(request), std::move(response), std::move(reply));
}

}  // namespace recrypt
