#include "client/own_reviews.h"

#include "client/label_keys.h"

namespace recrypt {
namespace {

constexpr uint32_t kPageSize = 1000;
// A service that goes on for ever must neither keep us here nor fill the memory.
constexpr int kMaxPages = 1000;
constexpr size_t kMaxReviews = 10'000;

Result<OwnReview::State> ParseState(const std::string& text) {
  if (text == "pending") return OwnReview::State::kPending;
  if (text == "approved") return OwnReview::State::kApproved;
  if (text == "denied") return OwnReview::State::kDenied;
  if (text == "expired") return OwnReview::State::kExpired;
  return Fail(ErrorCode::kInvalid, "the service names a state of review that there is not");
}

Result<OwnReview> ParseReview(const Json& item) {
  OwnReview review;
  RECRYPT_ASSIGN(review.document, GetBytes(item, "Document"));
  RECRYPT_ASSIGN(review.header, GetBytes(item, "Header"));
  RECRYPT_ASSIGN(const std::string state, GetString(item, "State"));
  RECRYPT_ASSIGN(review.state, ParseState(state));
  if (item.contains("By")) {
    RECRYPT_ASSIGN(const std::string by, GetString(item, "By"));
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(by));
    review.by = account.text();
  }
  return review;
}

}  // namespace

Result<std::vector<OwnReview>> OwnReviews(Client& client, const LabelName& label) {
  RECRYPT_ASSIGN(const auto profile, FindLabel(client.profiles(), label, ProfileUse::kRead));
  const LabelProfile::Service& at = profile->services.front();
  SelectRequest request;
  request.type = "Reviews";
  request.label = label.text();
  request.account = client.keystore().identity().account.text();
  request.limit = kPageSize;
  const auto service = client.services().At(at.domain, at.udf);
  std::vector<OwnReview> reviews;
  for (int page = 0; page < kMaxPages; ++page) {
    RECRYPT_ASSIGN(SelectResponse answer, service->Select(request));
    for (const Json& item : answer.items) {
      RECRYPT_ASSIGN(OwnReview review, ParseReview(item));
      // Those of long ago are many.
      if (review.state != OwnReview::State::kExpired) reviews.push_back(std::move(review));
    }
    if (answer.next.empty() || answer.next == request.after) break;
    if (reviews.size() > kMaxReviews) break;
    request.after = std::move(answer.next);
  }
  return reviews;
}

}  // namespace recrypt
