// The current keys of the labels of an expression: what a header under it is made from.
//
//   RECRYPT_ASSIGN(HeaderSpec spec, SpecFor(profiles, expression));
//   RECRYPT_TRY(CheckFits(profiles, expression));   // before anything is put under it
//
// Thread safe.
#ifndef RECRYPT_CLIENT_LABEL_KEYS_H_
#define RECRYPT_CLIENT_LABEL_KEYS_H_

#include "client/verified_profiles.h"
#include "core/jcd/header.h"

namespace recrypt {

// A label's verified profile. kDenied, naming it, where there is no such label: that is no file
// that is not there.
Result<std::shared_ptr<const LabelProfile>> FindLabel(VerifiedProfiles& profiles,
                                                      const LabelName& label, ProfileUse use);

// Needs only public keys: kUnavailable when a label's profile is neither cached nor to be had,
// kDenied when it is not trusted, kStale when it is older than one seen before or expired.
Result<HeaderSpec> SpecFor(VerifiedProfiles& profiles, const LabelExpression& expression);

// Asks for the profiles of the labels that have a later key than is known here, by what a header
// is under: another client was told of it before. True when there was one.
Result<bool> LearnLaterKeys(VerifiedProfiles& profiles, const Header& header);

// kInvalid when a header under the expression has no room for what a document needs over the years:
// a data key, and a second one when the first is replaced. Else fails as SpecFor does.
Status CheckFits(VerifiedProfiles& profiles, const LabelExpression& expression);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_LABEL_KEYS_H_
