// The commands by subject, one file each; verbs.cc lists them all.
#ifndef RECRYPT_CLI_VERBS_H_
#define RECRYPT_CLI_VERBS_H_

#include <span>

#include "cli/command.h"

namespace recrypt {

std::span<const Verb> ProfileVerbs();      // profile.cc
std::span<const Verb> ServiceVerbs();      // service.cc
std::span<const Verb> LabelVerbs();        // label.cc
std::span<const Verb> MemberVerbs();       // member.cc
std::span<const Verb> RotationVerbs();     // rotation.cc
std::span<const Verb> JoinVerbs();         // join.cc
std::span<const Verb> DeviceVerbs();       // device.cc
std::span<const Verb> TravelVerbs();       // travel.cc
std::span<const Verb> EscrowVerbs();       // escrow.cc
std::span<const Verb> AuditVerifyVerbs();  // audit_verify.cc; its words begin like those of audit
std::span<const Verb> AuditVerbs();        // audit.cc
std::span<const Verb> ReviewVerbs();       // review.cc
std::span<const Verb> PolicyVerbs();       // policy.cc
std::span<const Verb> DocumentVerbs();     // documents.cc
std::span<const Verb> AdoptVerbs();        // adopt.cc
std::span<const Verb> ExportVerbs();       // export.cc
std::span<const Verb> RelabelVerbs();      // relabel.cc
std::span<const Verb> InspectVerbs();      // inspect.cc
std::span<const Verb> FsckVerbs();         // fsck.cc
std::span<const Verb> MountVerbs();        // mount.cc
std::span<const Verb> MountedVerbs();      // mounted.cc
std::span<const Verb> StatusVerbs();       // status.cc
std::span<const Verb> ConsoleVerbs();      // console/console.cc

}  // namespace recrypt

#endif  // RECRYPT_CLI_VERBS_H_
