# semel_add_handler(NAME SOURCE...): builds NAME.so, a handler plugin that exports semel_handler and nothing else.
#
# The version script is needed because C++ exports weak std:: symbols whatever -fvisibility says.
#
# semel_install_handler(NAME [CONF FILE...]): installs NAME.so where the host looks for plugins, and drop-ins into its
# conf.d.  Both places are the host's own, whatever the project's prefix is; DESTDIR goes before them.
set(SEMEL_HANDLER_MAP "${CMAKE_CURRENT_LIST_DIR}/handler.map")

function(semel_add_handler name)
	add_library(${name} MODULE ${ARGN})
	set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME "${name}" C_VISIBILITY_PRESET hidden
		CXX_VISIBILITY_PRESET hidden LINK_DEPENDS "${SEMEL_HANDLER_MAP}")
	target_link_options(${name} PRIVATE "-Wl,--version-script=${SEMEL_HANDLER_MAP}")
	if(TARGET semel_sdk)
		# in Semel's own tree: all of them in one folder, as plugin_path wants it
		set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
		target_link_libraries(${name} PRIVATE semel_sdk)
		return()
	endif()
	target_link_libraries(${name} PRIVATE Semel::handler)
	target_compile_options(${name} PRIVATE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")	# the same bytes everywhere
	if(NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize")
		target_link_options(${name} PRIVATE -Wl,-z,defs)	# what is missing is said here, not by the host
	endif()
endfunction()

function(semel_install_handler name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" CONF)
	install(TARGETS ${name} LIBRARY DESTINATION "${Semel_HANDLER_DIR}")
	install(FILES ${arg_CONF} DESTINATION "${Semel_CONF_DIR}")
	set_property(GLOBAL APPEND PROPERTY SEMEL_HANDLERS ${name})
	foreach(file ${arg_CONF})
		get_filename_component(file "${file}" NAME)
		set_property(GLOBAL APPEND PROPERTY SEMEL_CONFFILES "${Semel_CONF_DIR}/${file}")
	endforeach()
endfunction()
