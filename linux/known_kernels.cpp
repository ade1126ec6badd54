// The rows. Of a log: text, data and per-CPU units as its lines "Memory:" and "percpu: Embedded" have them;
// tools/known-kernels prints such rows. Of a package: as `quarry boot --kernel vmlinuz --config config` reads the image.
#include "linux/known_kernels.hpp"

#include <array>
#include <iterator>

namespace quarry::lnx {
namespace {

using boot::Arch;
using enum Seen;

constexpr KnownKernel kX86[] = {
    {"3.13.6-1-ARCH", Arch::x86_64, 5270, 836, 1672, 1324, 29, all, 8265488, -6569, "log, Lenovo 20AL008EUK"},
    {"4.9.0", Arch::x86_64, 8450, 1450, 3844, 1288, 36, elsewhere, 4077288, 204861, "log, a guest of Xen"},
    {"4.9.96", Arch::x86_64, 10065, 1358, 3356, 688, 35, all, 8247820, -7390, "log, HP 286 Pro G2"},
    {"4.9.152", Arch::x86_64, 10093, 1360, 3360, 636, 35, at_most, 167671308, 57984, "log, ASUS Z10PE-D16"},
    {"4.19.57.mx64.282", Arch::x86_64, 14348, 1414, 3376, 1124, 43, at_most, 1069214136, 146244,
     "log, Dell PowerEdge R7425"},
    {"5.4.0-148-generic", Arch::x86_64, 14339, 2394, 9504, 4944, 60, all, 4084892, -5296,
     "log, ADLINK nanoX-BT"},
    {"5.6.4", Arch::x86_64, 14340, 1536, 3420, 1056, 53, at_most, 16637916, 112701, "log, Gigabyte Z390 M"},
    {"5.9.0-rc2-00097-gef30fb3c602445", Arch::x86_64, 14340, 2539, 4788, 4836, 55, elsewhere, 4085932, -14626,
     "log, Toshiba Portege Z830: without bounce buffers and hash tables"},
    {"5.10.0-23-amd64", Arch::x86_64, 12295, 2536, 7568, 17720, 63, all, 3145048, -1466, "log, ASUS F70SL"},
    {"5.11.0-rc2+", Arch::x86_64, 12297, 1784, 4176, 4104, 53, at_most, 15965876, 46332,
     "log, Lenovo 20Y2MMMMCC"},
    {"5.13.0-28-generic", Arch::x86_64, 16393, 3512, 10492, 5724, 65, at_most, 16640992, 75012,
     "log, HP Pavilion 690"},
    {"5.14.0-570.23.1.el9_6.x86_64", Arch::x86_64, 16384, 5766, 13628, 7384, 64, image, 1610305216, 0,
     "log, Supermicro AS-4125GS"},
    {"5.15.0-60-generic", Arch::x86_64, 16393, 4374, 10792, 6572, 60, at_most, 3978968, 45234,
     "log, Intel Jasper Lake"},
    {"5.15.75-gentoo-x86_64", Arch::x86_64, 14343, 3192, 4724, 6216, 60, at_most, 8164580, 36086,
     "log, Lenovo 80XL"},
    {"5.17.0-rc1-tip+", Arch::x86_64, 22539, 2374, 12028, 2500, 49, at_most, 66486248, 56244,
     "log, ASUS ROG Strix G513QY"},
    {"6.1.0-21-amd64", Arch::x86_64, 14342, 2332, 9060, 17404, 61, at_most, 2049764, 66667,
     "log, Intel DH67BL"},
    {"6.1.0-47-amd64", Arch::x86_64, 14343, 2338, 9116, 17356, 0, image, 0, 0, "package 6.1.170-3"},
    {"6.1.0-56-amd64", Arch::x86_64, 14343, 2338, 9132, 17344, 62, image, 0, 0, "package 6.1.192-2"},
    {"6.1.0-47-cloud-amd64", Arch::x86_64, 14343, 2327, 8328, 5460, 0, image, 0, 0, "package 6.1.170-3"},
    {"6.1.0-53-cloud-amd64", Arch::x86_64, 14343, 2327, 8336, 5448, 0, image, 0, 0, "package 6.1.187-1"},
    {"6.1.0-56-cloud-amd64", Arch::x86_64, 14343, 2327, 8348, 5436, 61, image, 0, 0, "package 6.1.192-2"},
    {"6.2.0-rc6-00077-g84d7d462b16d", Arch::x86_64, 40960, 13626, 8768, 4404, 68, kasan, 16586764, 2093775,
     "log, Gigabyte Z97X-UD5H"},
    {"6.3.0-rc1-00011-gd23d5938fd7c", Arch::x86_64, 43008, 13860, 8820, 5620, 69, kasan, 536546344, 67091825,
     "log, Intel S2600WFT"},
    {"6.5-pingu", Arch::x86_64, 14336, 1108, 4308, 2864, 45, at_most, 8301912, 187966,
     "log, Dell Inspiron 7352"},
    {"6.8.0-rc2-xps13-9343_2", Arch::x86_64, 14336, 2331, 5832, 3736, 63, at_most, 8291008, 327122,
     "log, Dell XPS 13 9343"},
    {"6.11.0-rc5-next-20240829", Arch::x86_64, 22528, 4636, 8488, 4368, 66, image, 267106364, 0,
     "log, AMD Ruby"},
    {"6.12.6-00002-g95621189b30c", Arch::x86_64, 18432, 116912, 14356, 37224, 67, elsewhere, 24359368, 3161,
     "log, ASUS ROG Zephyrus G14: built for debugging"},
    {"6.12.117+deb12-amd64", Arch::x86_64, 16384, 2499, 11716, 4904, 0, image, 0, 0, "package 6.12.117-1"},
    {"6.12.117+deb12-cloud-amd64", Arch::x86_64, 16384, 2507, 10912, 5288, 0, image, 0, 0,
     "package 6.12.117-1"},
    {"6.16.0+", Arch::x86_64, 21325, 4629, 14444, 4448, 84, image, 32965688, 0, "log, a Dell machine"},
    {"6.18.0-rc1-local-reverted-pci-issues-00351-gbbaff7ff47dd", Arch::x86_64, 19657, 2902, 10348, 5140, 62,
     at_most, 8280368, 3702, "log, Google Eve"},
    {"6.19.0.ptch-g9114ebedb820", Arch::x86_64, 17038, 4313, 12112, 2752, 54, all, 16776680, -1690,
     "log, a guest of Tencent's cloud"},
};

constexpr KnownKernel kArm64[] = {
    {"5.3.6", Arch::arm64, 11388, 1794, 6032, 445, 22, all, 970752, 1950, "log, Raspberry Pi 3"},
    {"5.5.0-1-arm64", Arch::arm64, 9980, 1758, 3684, 552, 32, all, 1048576, -5, "log, A64-OLinuXino"},
    {"5.8.0-0.bpo.2-arm64", Arch::arm64, 10748, 1862, 3808, 559, 33, all, 4192256, 304,
     "log, ClearFog GT 8K"},
    {"5.19.0-rc5-next-20220706+", Arch::arm64, 14016, 2190, 6540, 494, 19, all, 4194304, 441, "log, TQMa8MQ"},
    {"6.1.0-56-arm64", Arch::arm64, 13248, 2806, 9524, 627, 31, image, 0, 0, "package 6.1.192-2"},
    {"6.1.0-56-cloud-arm64", Arch::arm64, 12096, 2022, 7824, 588, 30, image, 0, 0, "package 6.1.192-2"},
    {"6.6.0-rc2-nextOS-00386-g3aba70aed91f", Arch::arm64, 12736, 2806, 5064, 540, 27, elsewhere, 2095104,
     66963, "log, RG353V: bounce buffers that no address needs"},
    {"6.9.0-bpi-r4", Arch::arm64, 17600, 2890, 11192, 641, 52, all, 4194304, 3130, "log, Banana Pi BPI-R4"},
};

constexpr KnownKernel kArm[] = {
    {"3.18.20", Arch::arm, 7276, 813, 3116, 1145, 0, all, 256000, 1887, "log, MDM9607"},
    {"5.8.0-rc4-00002-g6cfcd5563b4f", Arch::arm, 9216, 797, 2152, 255, 19, all, 260096, 801,
     "log, BeagleBoard"},
    {"5.11.0-next-20210226-00003-g89069e0f4a28", Arch::arm, 10240, 1579, 5404, 418, 21, all, 1046528, 40,
     "log, Nexus 7"},
    {"5.18.0-rc6-00005-g9a77f8660959-dirty", Arch::arm, 11264, 1484, 4268, 6525, 17, all, 2093056, 28,
     "log, Galaxy Note 10.1"},
    {"6.1.0-50-armmp", Arch::arm, 11264, 1700, 3732, 377, 18, image, 0, 0, "package 6.1.176-1"},
    {"6.1.0-50-armmp-lpae", Arch::arm, 12288, 1716, 3752, 384, 19, image, 0, 0, "package 6.1.176-1"},
};

constexpr KnownKernel kRiscv64[] = {
    {"5.6.0-rc1-00017-g5eadec0fc196", Arch::riscv64, 6312, 467, 2119, 311, 17, all, 4192256, -20580,
     "log, QEMU's virt"},
    {"6.3.0-rc2-gd5e0396cf8bf-dirty", Arch::riscv64, 16518, 8042, 8192, 12559, 29, elsewhere, 1046528, 391638,
     "log, PolarFire Icicle: KASAN and more"},
    {"6.12.107+deb13-riscv64", Arch::riscv64, 10707, 1763, 10240, 709, 31, image, 0, 0, "package 6.12.107-1"},
};

constexpr auto kAll = [] {
  std::array<KnownKernel, std::size(kX86) + std::size(kArm64) + std::size(kArm) + std::size(kRiscv64)> all{};
  std::size_t at = 0;
  for (const auto& row : kX86) all[at++] = row;
  for (const auto& row : kArm64) all[at++] = row;
  for (const auto& row : kArm) all[at++] = row;
  for (const auto& row : kRiscv64) all[at++] = row;
  return all;
}();

}  // namespace

std::span<const KnownKernel> known_kernels() { return kAll; }

}  // namespace quarry::lnx
