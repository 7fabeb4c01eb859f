# include(SemelPackage), last: `cpack -G DEB` and `cpack -G RPM` make packages of what semel_install_handler() installs.
#
# The package is named as the project, its version is the project's.  It needs a host of the handler ABI that is in the
# .so, holds the drop-ins as configuration files, and runs no script.  With SOURCE_DATE_EPOCH set, the same sources give
# the same package.  What is set before (CPACK_PACKAGE_CONTACT, CPACK_RPM_PACKAGE_LICENSE, ...) stays.
get_property(handlers GLOBAL PROPERTY SEMEL_HANDLERS)
get_property(conffiles GLOBAL PROPERTY SEMEL_CONFFILES)

macro(semel_default name)
	if(NOT DEFINED ${name})
		set(${name} ${ARGN})
	endif()
endmacro()

set(files "")
foreach(handler ${handlers})
	string(APPEND files "$<TARGET_FILE:${handler}>;")
endforeach()
# What only the generator knows, for SemelCPack.cmake.
file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/SemelFiles.cmake" CONTENT "set(files \"${files}\")\n")
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_CURRENT_LIST_DIR}/SemelCPack.cmake")
set(CPACK_SEMEL_FILES "${CMAKE_BINARY_DIR}/SemelFiles.cmake")
set(CPACK_SEMEL_NM "${CMAKE_NM}")
set(CPACK_SEMEL_OBJDUMP "${CMAKE_OBJDUMP}")

find_program(SEMEL_RPMBUILD rpmbuild)
find_program(SEMEL_DPKG dpkg)
mark_as_advanced(SEMEL_RPMBUILD SEMEL_DPKG)
if(NOT DEFINED CPACK_GENERATOR)
	set(CPACK_GENERATOR "")
	if(SEMEL_DPKG)
		list(APPEND CPACK_GENERATOR DEB)
	endif()
	if(SEMEL_RPMBUILD)
		list(APPEND CPACK_GENERATOR RPM)
	endif()
endif()
semel_default(CPACK_PACKAGE_CONTACT "nobody <nobody@localhost>")
semel_default(CPACK_PACKAGE_VENDOR "unknown")
semel_default(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_SET_DESTDIR ON)		# places are absolute
set(CPACK_INSTALL_PREFIX "/usr")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
	WORLD_READ WORLD_EXECUTE)

string(REPLACE ";" "\n" text "${conffiles}")
file(WRITE "${CMAKE_BINARY_DIR}/conffiles" "${text}\n")
semel_default(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
semel_default(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(conffiles)
	set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_BINARY_DIR}/conffiles")
endif()

semel_default(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
semel_default(CPACK_RPM_PACKAGE_LICENSE unknown)
set(CPACK_RPM_USER_FILELIST "")
foreach(handler ${handlers})		# else cpack takes it for configuration, because its place is absolute
	list(APPEND CPACK_RPM_USER_FILELIST "%attr(-,root,root) ${Semel_HANDLER_DIR}/${handler}.so")
endforeach()
foreach(file ${conffiles})
	list(APPEND CPACK_RPM_USER_FILELIST "%config(noreplace) ${file}")
endforeach()
# The folders belong to the host's package.
foreach(folder "${Semel_HANDLER_DIR}" "${Semel_CONF_DIR}" /usr)
	while(NOT folder STREQUAL "/")
		list(APPEND CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION "${folder}")
		get_filename_component(folder "${folder}" DIRECTORY)
	endwhile()
endforeach()
set(CPACK_RPM_SPEC_MORE_DEFINE
	"%define use_source_date_epoch_as_buildtime 1\n%define clamp_mtime_to_source_date_epoch 1\n%define _buildhost localhost
%define __provides_exclude_from .*/semel/handlers/.*")
include(CPack)
