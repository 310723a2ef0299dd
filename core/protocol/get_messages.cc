#include "core/protocol/message_fields.h"
#include "core/protocol/session.h"
#include "core/recryption/quorums.h"

namespace recrypt::protocol {
namespace {

constexpr size_t kMaxEphemeral = 33;
constexpr size_t kMaxBoundText = 2304;  // no header is longer
constexpr size_t kMaxSigner = 32;
constexpr size_t kMaxSignature = 64;
constexpr size_t kPartSize = 32;

Result<GrantBinding> ReadBinding(const Json& object) {
  GrantBinding binding;
  RECRYPT_ASSIGN(binding.text, GetString(object, "Text"));
  if (binding.text.size() > kMaxBoundText) {
    return Fail(ErrorCode::kInvalid, "the text of a binding is longer than a header");
  }
  RECRYPT_ASSIGN(binding.signer, OptionalBytes(object, "Signer", kMaxSigner));
  RECRYPT_ASSIGN(binding.signature, OptionalBytes(object, "Signature", kMaxSignature));
  return binding;
}

Json WriteBinding(const GrantBinding& binding) {
  Json object = {{"Text", binding.text}, {"Signature", Base64UrlEncode(binding.signature)}};
  if (!binding.signer.empty()) object["Signer"] = Base64UrlEncode(binding.signer);
  return object;
}

Result<GrantRequest> ReadGrantRequest(const Json& object) {
  GrantRequest grant;
  RECRYPT_ASSIGN(grant.key, RequiredText(object, "Key"));
  RECRYPT_ASSIGN(grant.ephemeral, GetBytes(object, "T"));
  if (grant.ephemeral.size() > kMaxEphemeral) {
    return Fail(ErrorCode::kInvalid, "T is longer than 33 bytes");
  }
  RECRYPT_ASSIGN(grant.document, OptionalBytes(object, "Document", kMaxDocumentUid));
  RECRYPT_ASSIGN(grant.header, OptionalBytes(object, "Header", kDigestSize));
  if (FindMember(object, "Bound") != nullptr) {
    RECRYPT_ASSIGN(const Json* bound, GetObject(object, "Bound"));
    RECRYPT_ASSIGN(grant.binding, ReadBinding(*bound));
  }
  return grant;
}

Json WriteGrantRequest(const GrantRequest& grant) {
  // Member by member: a list would first become arrays of pairs.
  Json object = Json::object();
  object["Key"] = grant.key;
  object["T"] = Base64UrlEncode(grant.ephemeral);
  if (!grant.document.empty()) object["Document"] = Base64UrlEncode(grant.document);
  if (!grant.header.empty()) object["Header"] = Base64UrlEncode(grant.header);
  if (grant.binding) object["Bound"] = WriteBinding(*grant.binding);
  return object;
}

Status ReadRequestedSet(const Json& set, GetRequest& request) {
  RECRYPT_ASSIGN(const std::string use, OptionalText(set, "Use"));
  if (use == "prefetch") {
    request.use = GrantUse::kPrefetch;
  } else if (!use.empty() && use != "open") {
    return Fail(ErrorCode::kInvalid, "Use is neither open nor prefetch");
  }
  request.halves = false;
  if (FindMember(set, "Halves") != nullptr) {
    RECRYPT_ASSIGN(request.halves, GetBool(set, "Halves"));
  }
  RECRYPT_ASSIGN(const Json* dynamics, OptionalArray(set, "Dynamic", kMaxGrantsInRequest));
  if (dynamics == nullptr) return {};
  request.grants.reserve(dynamics->size());
  for (const Json& item : *dynamics) {
    RECRYPT_ASSIGN(GrantRequest grant, ReadGrantRequest(item));
    request.grants.push_back(std::move(grant));
  }
  return {};
}

Json WriteGrantResult(const GrantResult& grant) {
  Json object = Json::object();
  PutStatus(object, grant.status);
  if (grant.status.ok()) {
    if (!grant.p.empty()) object["P"] = Base64UrlEncode(grant.p);
    if (!grant.parts.empty()) {
      Json& parts = object["Parts"] = Json::object();
      for (const auto& [quorum, part] : grant.parts) parts[quorum] = Base64UrlEncode(part);
    }
    object["Lease"] = grant.lease_seconds;
  }
  return object;
}

Result<GrantResult> ReadGrantResult(const Json& object) {
  GrantResult grant;
  RECRYPT_ASSIGN(grant.status, ReadStatus(object));
  if (!grant.status.ok()) return grant;
  if (FindMember(object, "Parts") == nullptr) {
    RECRYPT_ASSIGN(grant.p, BytesOfSize(object, "P", kPartSize));
  } else {
    RECRYPT_ASSIGN(const Json* parts, GetObject(object, "Parts"));
    if (parts->empty() || parts->size() > kMaxQuorumsOfService) {
      return Fail(ErrorCode::kInvalid, "Parts holds none, or too many");
    }
    for (const auto& [quorum, part] : parts->items()) {
      RECRYPT_ASSIGN(grant.parts[quorum], BytesOfSize(*parts, quorum, kPartSize));
    }
  }
  RECRYPT_ASSIGN(const uint64_t lease, GetUint(object, "Lease"));
  if (lease > UINT32_MAX) return Fail(ErrorCode::kInvalid, "Lease is out of range");
  grant.lease_seconds = static_cast<uint32_t>(lease);
  return grant;
}

Status ReadGrantedSet(const Json& set, GetResponse& response) {
  RECRYPT_ASSIGN(const Json* dynamics, OptionalArray(set, "Dynamic", kMaxGrantsInRequest));
  if (dynamics != nullptr) {
    for (const Json& item : *dynamics) {
      RECRYPT_ASSIGN(GrantResult grant, ReadGrantResult(item));
      response.grants.push_back(std::move(grant));
    }
  }
  if (FindMember(set, "Halves") != nullptr) {
    RECRYPT_ASSIGN(const Json* halves, GetObject(set, "Halves"));
    if (halves->size() > kMaxGrantsInRequest) {
      return Fail(ErrorCode::kInvalid, "Halves holds more than were asked for");
    }
    for (const auto& [kid, half] : halves->items()) response.halves.emplace(kid, half);
  }
  if (FindMember(set, "Receipt") != nullptr) {
    RECRYPT_ASSIGN(const Json* receipt, GetObject(set, "Receipt"));
    RECRYPT_ASSIGN(response.receipt_sequence, GetUint(*receipt, "Sequence"));
    RECRYPT_ASSIGN(response.receipt_head, BytesOfSize(*receipt, "Head", kDigestSize));
  }
  return {};
}

Result<StaticResult> ReadStaticResult(const Json& object) {
  StaticResult result;
  RECRYPT_ASSIGN(result.type, RequiredText(object, "Type"));
  RECRYPT_ASSIGN(result.identifier, OptionalText(object, "Identifier"));
  RECRYPT_ASSIGN(result.status, ReadStatus(object));
  if (const Json* value = FindMember(object, "Value")) result.value = *value;
  return result;
}

}  // namespace

Json Write(const GetRequest& request) {
  Json object = Json::object();
  PutText(object, "Portal", request.portal);
  if (!request.statics.empty()) {
    Json statics = Json::array();
    for (const StaticRequest& item : request.statics) {
      statics.push_back({{"Type", item.type}, {"Identifier", item.identifier}});
    }
    object["Static"] = std::move(statics);
  }
  if (!request.grants.empty()) {
    Json dynamics = Json::array();
    for (const GrantRequest& grant : request.grants) dynamics.push_back(WriteGrantRequest(grant));
    object["ResourceSet"] = {{"Use", request.use == GrantUse::kOpen ? "open" : "prefetch"},
                             {"Halves", request.halves},
                             {"Dynamic", std::move(dynamics)}};
  }
  return object;
}

Result<Request> ReadGetRequest(const Json& object) {
  GetRequest request;
  RECRYPT_ASSIGN(request.portal, OptionalText(object, "Portal"));
  RECRYPT_ASSIGN(const Json* statics, OptionalArray(object, "Static", kMaxStaticsInRequest));
  if (statics != nullptr) {
    for (const Json& item : *statics) {
      StaticRequest wanted;
      RECRYPT_ASSIGN(wanted.type, RequiredText(item, "Type"));
      RECRYPT_ASSIGN(wanted.identifier, OptionalText(item, "Identifier"));
      request.statics.push_back(std::move(wanted));
    }
  }
  if (FindMember(object, "ResourceSet") != nullptr) {
    RECRYPT_ASSIGN(const Json* set, GetObject(object, "ResourceSet"));
    RECRYPT_TRY(ReadRequestedSet(*set, request));
  }
  return Request(std::move(request));
}

Json Write(const GetResponse& response) {
  Json object = Json::object();
  PutStatus(object, response.status);
  if (!response.statics.empty()) {
    Json statics = Json::array();
    for (const StaticResult& item : response.statics) {
      Json result = {{"Type", item.type}, {"Identifier", item.identifier}};
      PutStatus(result, item.status);
      if (!item.value.is_null()) result["Value"] = item.value;
      statics.push_back(std::move(result));
    }
    object["Static"] = std::move(statics);
  }
  if (!response.grants.empty()) {
    Json dynamics = Json::array();
    for (const GrantResult& grant : response.grants) dynamics.push_back(WriteGrantResult(grant));
    Json set = {{"Dynamic", std::move(dynamics)}};
    if (!response.halves.empty()) set["Halves"] = response.halves;
    if (!response.receipt_head.empty()) {
      set["Receipt"] = {{"Sequence", response.receipt_sequence},
                        {"Head", Base64UrlEncode(response.receipt_head)}};
    }
    object["ResourceSet"] = std::move(set);
  }
  return object;
}

Result<Response> ReadGetResponse(const Json& object) {
  GetResponse response;
  RECRYPT_ASSIGN(response.status, ReadStatus(object));
  RECRYPT_ASSIGN(const Json* statics, OptionalArray(object, "Static", kMaxStaticsInRequest));
  if (statics != nullptr) {
    for (const Json& item : *statics) {
      RECRYPT_ASSIGN(StaticResult result, ReadStaticResult(item));
      response.statics.push_back(std::move(result));
    }
  }
  if (FindMember(object, "ResourceSet") != nullptr) {
    RECRYPT_ASSIGN(const Json* set, GetObject(object, "ResourceSet"));
    RECRYPT_TRY(ReadGrantedSet(*set, response));
  }
  return Response(std::move(response));
}

}  // namespace recrypt::protocol
