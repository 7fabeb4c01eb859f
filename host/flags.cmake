# Warnings and hardening of everything that is built here (OpenSSF guide, what gcc 12 and clang 14 know).
# Packages are built without: a compiler newer than ours must not stop them.
option(CMAKE_COMPILE_WARNING_AS_ERROR "A warning is an error" ON)
add_compile_options(
	-Wall -Wextra -Wformat=2 -Wimplicit-fallthrough -Wshadow -Wundef -Wvla
	-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
	-fvisibility=hidden)
add_compile_options("$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes;-Wold-style-definition;-Werror=implicit;-Werror=incompatible-pointer-types;-Werror=int-conversion>")
add_compile_definitions(_GNU_SOURCE)
if(NOT CMAKE_BUILD_TYPE MATCHES "^(Asan|Tsan|Debug)$")
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero)
	if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 16)
		add_compile_options(-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
	endif()
endif()
add_link_options(-Wl,-z,noexecstack,-z,relro,-z,now,--as-needed)
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
