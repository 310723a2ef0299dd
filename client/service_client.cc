#include "client/service_client.h"

#include "core/protocol/session.h"

namespace recrypt {
namespace {

// The response of the wanted type, or the error that its status stands for.
template <typename T>
Result<T> Expect(Result<Response> response) {
  if (!response) return Fail(std::move(response.error()));
  if (!StatusIn(*response).ok()) return Fail(ErrorOf(StatusIn(*response)));
  if (auto* wanted = std::get_if<T>(&*response)) return std::move(*wanted);
  return Fail(ErrorCode::kUnavailable, "the service answered something else than it was asked");
}

Result<std::string> RequiredMember(const Json& object, std::string_view member) {
  return GetString(object, member);
}

Result<ServiceClient::OwnEntry> ReadOwnEntry(const Json& object) {
  ServiceClient::OwnEntry entry;
  RECRYPT_ASSIGN(entry.key, RequiredMember(object, "Key"));
  RECRYPT_ASSIGN(const uint64_t epoch, GetUint(object, "Epoch"));
  if (epoch == 0 || epoch > UINT32_MAX) return Fail(ErrorCode::kInvalid, "Epoch is out of range");
  entry.epoch = static_cast<uint32_t>(epoch);
  RECRYPT_ASSIGN(const Json* half, GetObject(object, "MemberHalf"));
  entry.member_half = *half;
  if (FindMember(object, "Credential") != nullptr) {
    RECRYPT_ASSIGN(entry.credential, GetBytes(object, "Credential"));
  }
  return entry;
}

bool IsPublic(const std::string& type) {
  return type == "Profile" || type == "KeySet" || type == "Service";
}

}  // namespace

ServiceClient::ServiceClient(std::unique_ptr<ServiceSession> session)
    : session_(std::move(session)) {}

Result<Json> ServiceClient::GetStatic(const std::string& type, const std::string& identifier) {
  GetRequest request;
  request.statics.push_back({type, identifier});
  const auto session_use = IsPublic(type) ? SessionUse::kNone : SessionUse::kNeeded;
  RECRYPT_ASSIGN(GetResponse response,
                 Expect<GetResponse>(session_->Call(std::move(request), session_use)));
  if (response.statics.size() != 1 || response.statics[0].type != type ||
      response.statics[0].identifier != identifier) {
    return Fail(ErrorCode::kUnavailable, "the service answered something else than it was asked");
  }
  StaticResult& result = response.statics[0];
  if (!result.status.ok()) return Fail(ErrorOf(result.status));
  if (!result.value.is_object()) {
    return Fail(ErrorCode::kUnavailable, "the service gave no value for " + identifier);
  }
  return std::move(result.value);
}

Result<std::vector<ServiceClient::OwnEntry>> ServiceClient::GetEntries(const LabelName& label) {
  RECRYPT_ASSIGN(const Json value, GetStatic("Entry", label.text()));
  RECRYPT_ASSIGN(const Json* list, GetArray(value, "Entries"));
  std::vector<OwnEntry> entries;
  for (const Json& element : *list) {
    RECRYPT_ASSIGN(OwnEntry entry, ReadOwnEntry(element));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<GetResponse> ServiceClient::GetGrants(std::vector<GrantRequest> grants, GrantUse use,
                                             bool halves) {
  GetRequest request;
  const size_t asked = grants.size();
  request.grants = std::move(grants);
  request.use = use;
  request.halves = halves;
  RECRYPT_ASSIGN(GetResponse response,
                 Expect<GetResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  if (response.grants.size() != asked) {
    return Fail(ErrorCode::kUnavailable, "the service answered another number of grants");
  }
  return response;
}

template <typename T>
Status ServiceClient::Set(T what) {
  SetRequest request;
  request.what.emplace<T>(std::move(what));
  RECRYPT_TRY(Expect<SetResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return {};
}

Status ServiceClient::SetProfile(const Json& jws) { return Set(jws); }

Status ServiceClient::SetKeySet(KeySetRecord record) { return Set(std::move(record)); }

Status ServiceClient::SetUser(UserRecord record) { return Set(std::move(record)); }

Status ServiceClient::SetUsers(UsersRecord record) { return Set(std::move(record)); }

Status ServiceClient::SetReview(ReviewRecord record) { return Set(std::move(record)); }

Status ServiceClient::SetOpens(OpensRecord record) { return Set(std::move(record)); }

Status ServiceClient::SetNote(ByteSpan id, Json content, int64_t expires) {
  SetRequest request;
  request.what = NoteRecord{ToBytes(id), std::move(content), FormatTime(expires)};
  RECRYPT_TRY(Expect<SetResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return {};
}

Result<Json> ServiceClient::GetNote(ByteSpan id) {
  RECRYPT_ASSIGN(const Json value, GetStatic("Note", Base64UrlEncode(id)));
  RECRYPT_ASSIGN(const Json* content, GetObject(value, "Content"));
  return *content;
}

Result<int64_t> ServiceClient::DeleteUser(const LabelName& label, const AccountName& account,
                                          const std::string& device) {
  DeleteRequest request;
  request.kind = DeleteRequest::Kind::kUser;
  request.label = label.text();
  request.account = account.text();
  request.device = device;
  RECRYPT_ASSIGN(const DeleteResponse response,
                 Expect<DeleteResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return ParseTime(response.until);
}

Status ServiceClient::DeleteKeySet(const LabelName& label) {
  DeleteRequest request;
  request.kind = DeleteRequest::Kind::kKeySet;
  request.label = label.text();
  RECRYPT_TRY(Expect<DeleteResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return {};
}

Result<int64_t> ServiceClient::DeleteDevice(const AccountName& account, const std::string& device) {
  DeleteRequest request;
  request.kind = DeleteRequest::Kind::kDevice;
  request.account = account.text();
  request.device = device;
  RECRYPT_ASSIGN(const DeleteResponse response,
                 Expect<DeleteResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return ParseTime(response.until);
}

Result<SelectResponse> ServiceClient::Select(SelectRequest request) {
  return Expect<SelectResponse>(session_->Call(std::move(request), SessionUse::kNeeded));
}

Result<Json> ServiceClient::SelectAll(SelectRequest request) {
  // A service that leads us in a circle would keep us here for ever, and fill the memory.
  constexpr int kMaxPages = 1000;
  Json items = Json::array();
  for (int page_count = 0; page_count < kMaxPages; ++page_count) {
    RECRYPT_ASSIGN(SelectResponse page, Select(request));
    for (Json& item : page.items) items.push_back(std::move(item));
    if (page.next.empty() || page.next == request.after) return items;
    request.after = std::move(page.next);
  }
  return Fail(ErrorCode::kCorrupt,
              "the service's list of " + request.type + " does not end: tell who runs it");
}

Status ServiceClient::Join(JoinRequest request) {
  RECRYPT_TRY(Expect<JoinResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return {};
}

Status ServiceClient::Leave(const LabelName& label) {
  LeaveRequest request;
  request.label = label.text();
  RECRYPT_TRY(Expect<LeaveResponse>(session_->Call(std::move(request), SessionUse::kNeeded)));
  return {};
}

}  // namespace recrypt
