// Set: where a request goes by what it sets.
#include "service/set.h"

#include "service/notes.h"

namespace recrypt {

Status CheckNotExpired(const ObjectVersion& version, int64_t now) {
  if (version.expires > now) return {};
  return Fail(ErrorCode::kInvalid, "the signed object expired at " + FormatTime(version.expires));
}

namespace {

void SetNote(ServiceContext& context, const Caller& caller, const NoteRecord& record, Reply reply) {
  const auto expires = ParseTime(record.expires);
  if (!expires) return reply(Response(StatusFor(expires.error())));
  const StoredNote note{Base64UrlEncode(record.id), caller.device, DumpJson(record.content),
                        *expires};
  CommitAndReply(
      context,
      [&context, note](StoreTransaction& transaction) -> Result<Response> {
        RECRYPT_TRY(AddNote(transaction, note, context.clock.NowSeconds()));
        return Response(SetResponse{});
      },
      std::move(reply));
}

}  // namespace

void HandleSet(ServiceContext& context, const Caller& caller, const SetRequest& request,
               Reply reply) {
  if (const Json* profile = std::get_if<Json>(&request.what)) {
    return SetProfile(context, caller, *profile, std::move(reply));
  }
  if (const auto* key_set = std::get_if<KeySetRecord>(&request.what)) {
    return SetKeySet(context, caller, *key_set, std::move(reply));
  }
  if (const auto* user = std::get_if<UserRecord>(&request.what)) {
    return SetUsers(context, caller, {{*user}}, std::move(reply));
  }
  if (const auto* users = std::get_if<UsersRecord>(&request.what)) {
    return SetUsers(context, caller, *users, std::move(reply));
  }
  if (const auto* note = std::get_if<NoteRecord>(&request.what)) {
    return SetNote(context, caller, *note, std::move(reply));
  }
  if (const auto* opens = std::get_if<OpensRecord>(&request.what)) {
    return SetOpens(context, caller, *opens, std::move(reply));
  }
  if (const auto* review = std::get_if<ReviewRecord>(&request.what)) {
    return SetReview(context, caller, *review, std::move(reply));
  }
  reply(Response(ResponseStatus{StatusCode::kInvalid, "invalid", "the request sets nothing"}));
}

}  // namespace recrypt
