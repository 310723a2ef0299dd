#include <algorithm>
#include <charconv>

#include "service/grant_policy.h"
#include "service/transactions.h"

namespace recrypt {
namespace {

// One page: its items, and where the next one starts.
struct Page {
  Json items = Json::array();
  std::string last;
  bool full = false;  // there may be more
};

// How many records are looked through for one page.
constexpr uint32_t kMaxSifted = 10'000;

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
    if (one.group) item["Group"] = true;
    if (!one.credential.empty()) item["Credential"] = Base64UrlEncode(one.credential);
    page.items.push_back(std::move(item));
    page.last = std::to_string(one.id);
  }
  return page;
}

// Times in the log are texts of one length, which compare as the times do.
bool Matches(const Json& record, const SelectRequest& request) {
  const auto text = [&record](const char* member) {
    return GetString(record, member).value_or(std::string());
  };
  if (request.from && text("time") < FormatTime(*request.from)) return false;
  if (request.to && text("time") >= FormatTime(*request.to)) return false;
  return request.document.empty() || text("document") == Base64UrlEncode(request.document);
}

// A page may hold less than was asked for where a filter passes little: the next one goes on.
Result<Page> Audit(StoreView& view, const SelectRequest& request) {
  RECRYPT_ASSIGN(const int64_t after, NumberCursor(request.after));
  const bool sifted = request.from || request.to || !request.document.empty();
  const uint32_t limit = sifted ? kMaxSifted : request.limit;
  RECRYPT_ASSIGN(const auto rows,
                 view.ListAudit(request.label, request.account, request.event, after, limit));
  Page page;
  page.full = rows.size() == limit;
  for (const AuditRow& row : rows) {
    auto record = ParseJson(row.record);
    if (!record || !record->is_object())
      return Fail(ErrorCode::kCorrupt, "a stored audit record does not parse");
    page.last = std::to_string(row.sequence);
    if (!Matches(*record, request)) continue;
    (*record)["hash"] = Base64UrlEncode(row.hash);
    (*record)["previous"] = Base64UrlEncode(row.previous);
    page.items.push_back(std::move(*record));
    if (page.items.size() < request.limit) continue;
    page.full = true;
    break;
  }
  return page;
}

// Signed at the end of what there is, so that a log which is cut later does not go unnoticed.
Result<Json> CheckpointOf(const ServiceContext& context, StoreView& view,
                          const std::string& label) {
  RECRYPT_ASSIGN(const AuditHead last, view.FindLastAuditOf(label));
  return SignCheckpoint({context.options.domain, label, last, context.clock.NowSeconds(),
                         context.keys.sign.public_key()},
                        context.keys.sign);
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

std::string_view StateName(const StoredReview& review, int64_t now) {
  if (review.state == ReviewState::kPending) return "pending";
  if (review.until <= now) return "expired";
  return review.state == ReviewState::kApproved ? "approved" : "denied";
}

Result<Page> Reviews(StoreView& view, const SelectRequest& request, int64_t now) {
  RECRYPT_ASSIGN(const int64_t after, NumberCursor(request.after));
  RECRYPT_ASSIGN(const auto reviews, view.ListReviews(request.label, after, request.limit));
  Page page;
  page.full = reviews.size() == request.limit;
  for (const StoredReview& one : reviews) {
    page.last = std::to_string(one.id);
    if (!request.account.empty() && request.account != one.account) continue;
    Json item = {{"Id", one.id},
                 {"Account", one.account},
                 {"Device", one.device},
                 {"Document", Base64UrlEncode(one.document)},
                 {"Header", Base64UrlEncode(one.header)},
                 {"Requested", FormatTime(one.requested)},
                 {"State", StateName(one, now)}};
    if (one.state != ReviewState::kPending) {
      item["By"] = one.by;
      item["Decided"] = FormatTime(one.decided);
      item["Until"] = FormatTime(one.until);
    }
    page.items.push_back(std::move(item));
  }
  return page;
}

Result<Page> SelectPage(StoreView& view, const Caller& caller, const SelectRequest& request,
                        int64_t now) {
  if (request.type == "Labels") return Labels(view, caller, request);
  if (request.type == "Members") return Members(view, request);
  if (request.type == "Entries") return Entries(view, request);
  if (request.type == "Audit") return Audit(view, request);
  if (request.type == "Joins") return Joins(view, request);
  if (request.type == "Reviews") return Reviews(view, request, now);
  return Fail(ErrorCode::kInvalid, "there is no such type to select");
}

Result<bool> Supervises(StoreView& view, const Caller& caller, const std::string& name) {
  RECRYPT_ASSIGN(const auto label, view.FindLabel(name));
  if (!label || label->deleted) return false;
  RECRYPT_ASSIGN(const LabelPolicy policy, PolicyOf(*label));
  RECRYPT_ASSIGN(const std::string by, SupervisorOf(view, name, policy, caller.device));
  return !by.empty();
}

// A member's device asks about what itself, or another of the account's devices, waits for.
Result<bool> IsOfAccount(StoreView& view, const Caller& caller, const SelectRequest& request) {
  if (request.account.empty()) return false;
  RECRYPT_ASSIGN(const auto entries, view.EntriesOfDevice(request.label, caller.device));
  return std::any_of(entries.begin(), entries.end(), [&](const StoredEntry& entry) {
    return !entry.revoked && entry.account == request.account;
  });
}

// Membership is confidential: all but one's own labels and requests is for administrators.
Result<ResponseStatus> CheckMaySee(StoreView& view, const Caller& caller,
                                   const SelectRequest& request) {
  if (request.type == "Labels") return ResponseStatus{};
  RECRYPT_ASSIGN(const bool administrator, view.IsAdministrator(request.label, caller.device));
  if (administrator) return ResponseStatus{};
  if (request.type == "Reviews") {
    RECRYPT_ASSIGN(const bool supervisor, Supervises(view, caller, request.label));
    if (supervisor) return ResponseStatus{};
    RECRYPT_ASSIGN(const bool own, IsOfAccount(view, caller, request));
    if (own) return ResponseStatus{};
  }
  return Refusal("not-administrator", "this device does not administer the label");
}

Result<Response> Select(ServiceContext& context, const Caller& caller,
                        const SelectRequest& request) {
  SelectResponse response;
  RECRYPT_TRY(context.store.Read([&](StoreView& view) -> Status {
    RECRYPT_ASSIGN(response.status, CheckMaySee(view, caller, request));
    if (!response.status.ok()) return {};
    RECRYPT_ASSIGN(Page page, SelectPage(view, caller, request, context.clock.NowSeconds()));
    if (page.full || page.items.size() == request.limit) response.next = std::move(page.last);
    if (request.type == "Audit" && response.next.empty()) {
      RECRYPT_ASSIGN(response.checkpoint, CheckpointOf(context, view, request.label));
    }
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
