#include <charconv>

#include "service/transactions.h"

namespace recrypt {
namespace {

// One page: its items, and where the next one starts.
struct Page {
  Json items = Json::array();
  std::string last;
};

Result<int64_t> NumberCursor(const std::string& after) {
  if (after.empty()) return 0;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), number);
  if (error != std::errc() || end != after.data() + after.size() || number < 0) {
    return Fail(ErrorCode::kInvalid, "After is none of this service's cursors");
  }
  return number;
}

Result<Page> Labels(StoreView& view, const Caller& caller, const SelectRequest& request) {
  RECRYPT_ASSIGN(const auto labels, view.ListLabels(caller.device, request.after, request.limit));
  Page page;
  for (const LabelOfDevice& one : labels) {
    page.items.push_back(
        {{"Label", one.label}, {"Member", one.member}, {"Administrator", one.administrator}});
    page.last = one.label;
  }
  return page;
}

Result<Page> Members(StoreView& view, const SelectRequest& request) {
  RECRYPT_ASSIGN(const auto members, view.ListMembers(request.label, request.after, request.limit));
  Page page;
  for (const Member& one : members) {
    page.items.push_back(
        {{"Account", one.account}, {"Profile", one.profile_udf}, {"Devices", one.devices}});
    page.last = one.account;
  }
  return page;
}

Result<Page> Entries(StoreView& view, const SelectRequest& request) {
  RECRYPT_ASSIGN(const int64_t after, NumberCursor(request.after));
  RECRYPT_ASSIGN(const auto entries,
                 view.ListEntries(request.label, request.account, after, request.limit));
  Page page;
  for (const StoredEntry& one : entries) {
    Json item = {{"Account", one.account}, {"Profile", one.profile_udf},
                 {"Device", one.device},   {"Key", one.key},
                 {"Epoch", one.epoch},     {"Created", FormatTime(one.created)}};
    if (one.revoked) item["Revoked"] = FormatTime(*one.revoked);
    page.items.push_back(std::move(item));
    page.last = std::to_string(one.id);
  }
  return page;
}

Result<Page> Audit(StoreView& view, const SelectRequest& request) {
  RECRYPT_ASSIGN(const int64_t after, NumberCursor(request.after));
  RECRYPT_ASSIGN(const auto rows, view.ListAudit(request.label, request.account, request.event,
                                                 after, request.limit));
  Page page;
  for (const AuditRow& row : rows) {
    auto record = ParseJson(row.record);
    if (!record || !record->is_object())
      return Fail(ErrorCode::kCorrupt, "a stored audit record does not parse");
    (*record)["hash"] = Base64UrlEncode(row.hash);
    page.items.push_back(std::move(*record));
    page.last = std::to_string(row.sequence);
  }
  return page;
}

Result<Page> Joins(StoreView& view, const SelectRequest& request) {
  RECRYPT_ASSIGN(const auto joins, view.ListJoins(request.label, request.after, request.limit));
  Page page;
  for (const StoredJoin& one : joins) {
    auto profile = ParseJson(one.profile);
    if (!profile) return Fail(ErrorCode::kCorrupt, "a stored profile does not parse");
    page.items.push_back({{"Account", one.account},
                          {"Device", one.device},
                          {"Profile", std::move(*profile)},
                          {"Message", one.message},
                          {"Time", FormatTime(one.time)}});
    page.last = one.account;
  }
  return page;
}

Result<Page> SelectPage(StoreView& view, const Caller& caller, const SelectRequest& request) {
  if (request.type == "Labels") return Labels(view, caller, request);
  if (request.type == "Members") return Members(view, request);
  if (request.type == "Entries") return Entries(view, request);
  if (request.type == "Audit") return Audit(view, request);
  if (request.type == "Joins") return Joins(view, request);
  return Fail(ErrorCode::kInvalid, "there is no such type to select");
}

// Membership is confidential: all but one's own labels is for administrators.
Result<ResponseStatus> CheckMaySee(StoreView& view, const Caller& caller,
                                   const SelectRequest& request) {
  if (request.type == "Labels") return ResponseStatus{};
  RECRYPT_ASSIGN(const bool administrator, view.IsAdministrator(request.label, caller.device));
  if (administrator) return ResponseStatus{};
  return Refusal("not-administrator", "this device does not administer the label");
}

Result<Response> Select(ServiceContext& context, const Caller& caller,
                        const SelectRequest& request) {
  SelectResponse response;
  RECRYPT_TRY(context.store.Read([&](StoreView& view) -> Status {
    RECRYPT_ASSIGN(response.status, CheckMaySee(view, caller, request));
    if (!response.status.ok()) return {};
    RECRYPT_ASSIGN(Page page, SelectPage(view, caller, request));
    if (page.items.size() == request.limit) response.next = std::move(page.last);
    response.items = std::move(page.items);
    return {};
  }));
  return Response(std::move(response));
}

}  // namespace

void HandleSelect(ServiceContext& context, const Caller& caller, const SelectRequest& request,
                  const Reply& reply) {
  auto response = Select(context, caller, request);
  reply(response ? std::move(*response) : Response(StatusFor(response.error())));
}

}  // namespace recrypt
