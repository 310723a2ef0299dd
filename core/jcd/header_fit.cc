#include "core/jcd/header_fit.h"

namespace recrypt {

std::optional<size_t> FittingCandidate(const Header& header, std::string_view kid,
                                       std::span<const Secret> candidates) {
  for (const JweRecipient& recipient : header.jwe.recipients) {
    for (size_t place = 0; place < recipient.kids.size(); ++place) {
      if (recipient.kids[place] != kid) continue;
      const ByteSpan wrapped =
          ByteSpan(recipient.encrypted_key).subspan(place * kWrappedCekSize, kWrappedCekSize);
      for (size_t i = 0; i < candidates.size(); ++i) {
        if (UnwrapKey(candidates.subspan(i, 1), kAlgEcdhEsA256Kw, wrapped)) return i;
      }
    }
  }
  return std::nullopt;
}

}  // namespace recrypt
