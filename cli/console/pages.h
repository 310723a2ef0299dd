// The pages of the console, and the forms on them. Each function answers one address;
// console_app.cc lists them.
#ifndef RECRYPT_CLI_CONSOLE_PAGES_H_
#define RECRYPT_CLI_CONSOLE_PAGES_H_

#include "cli/console/desk.h"

namespace recrypt {

// How long a page about many labels goes on asking their services.
constexpr int64_t kPatienceMillis = 10'000;

Result<Page> OverviewPage(Desk& desk, const Form& form);      // overview_page.cc
Result<Page> ActivityPage(Desk& desk, const Form& form);      // activity_page.cc
Result<Page> LabelPage(Desk& desk, const Form& form);         // label_page.cc
Result<Page> AddMemberPage(Desk& desk, const Form& form);     // member_pages.cc
Result<Page> AddMember(Desk& desk, const Form& form);         // member_pages.cc
Result<Page> RemoveMemberPage(Desk& desk, const Form& form);  // member_pages.cc
Result<Page> RemoveMember(Desk& desk, const Form& form);      // member_pages.cc
Result<Page> AuditPage(Desk& desk, const Form& form);         // audit_page.cc
Result<Page> ReviewsPage(Desk& desk, const Form& form);       // reviews_page.cc
Result<Page> DecideReview(Desk& desk, const Form& form);      // reviews_page.cc
Result<Page> RotationPage(Desk& desk, const Form& form);      // rotation_page.cc
Result<Page> StartRotation(Desk& desk, const Form& form);     // rotation_page.cc

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_PAGES_H_
